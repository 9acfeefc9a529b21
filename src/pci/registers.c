#include "pci/registers.h"

#include <stdio.h>

void registers_begin(struct registers *r, struct fact_builder *builder, struct str block)
{
    *r = (struct registers){.builder = builder, .block = block};
    field_block_find(block, &r->range);
    fact_begin(builder, block);
    registers_open(r, (struct str){0});
}

void registers_open(struct registers *r, struct str reg)
{
    if (reg.len > REGISTERS_NAME_MAX)
        reg.len = REGISTERS_NAME_MAX;
    r->reg = reg;
    r->prefix = (struct str){0};
    field_rows_find(&r->range, r->block, reg, &r->rows);
}

static bool printable(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    return true;
}

/* Is there a letter or digit? Stray punctuation names nothing. */
static bool names_something(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (char_is_digit(text.p[i]) || (unsigned)((text.p[i] | 32) - 'a') < 26)
            return true;
    return false;
}

/* The field's canonical name, under the line's sub-label; empty when it can't be a name. */
static struct str full_name(struct registers *r, struct str name, char space[REGISTERS_NAME_MAX])
{
    struct str full = name;

    if (!names_something(name) || r->prefix.len + 1 + name.len > REGISTERS_NAME_MAX ||
        !printable(name) || !printable(r->prefix) || !printable(r->reg))
        return (struct str){0};
    if (r->prefix.len && name.len) {
        memcpy(space, r->prefix.p, r->prefix.len);
        space[r->prefix.len] = '.';
        memcpy(space + r->prefix.len + 1, name.p, name.len);
        full = (struct str){space, r->prefix.len + 1 + name.len};
    }
    return field_rows_rename(&r->rows, full);
}

/* Runs of blanks inside a value are one blank. */
static struct str one_blanks(struct str text, char *space, size_t space_len)
{
    size_t len = 0;
    bool clean = true;

    for (size_t i = 0; i < text.len && clean; i++)
        clean = text.p[i] != '\t' && (text.p[i] != ' ' || i == 0 || text.p[i - 1] != ' ');
    if (clean)
        return text;
    for (size_t i = 0; i < text.len && len < space_len; i++) {
        char c = text.p[i] == '\t' ? ' ' : text.p[i];

        if (c != ' ' || len == 0 || space[len - 1] != ' ')
            space[len++] = c;
    }
    return (struct str){space, len};
}

void registers_flag(struct registers *r, uint32_t line, struct str name, bool on)
{
    char space[REGISTERS_NAME_MAX];

    name = full_name(r, name, space);
    if (name.len)
        fact_flag(r->builder, field_rows_class(&r->rows, name), line,
                  fact_key(r->builder, r->reg, name), on);
}

void registers_number(struct registers *r, uint32_t line, struct str name, int64_t number,
                      struct str text)
{
    char space[REGISTERS_NAME_MAX];

    name = full_name(r, name, space);
    if (name.len)
        fact_number(r->builder, field_rows_class(&r->rows, name), line,
                    fact_key(r->builder, r->reg, name), number, text);
}

void registers_text(struct registers *r, uint32_t line, struct str name, struct str text)
{
    char space[REGISTERS_NAME_MAX], blanks[256];
    bool bare = !name.len;

    name = full_name(r, name, space);
    if (name.len || (bare && r->reg.len && names_something(text)))
        fact_text(r->builder, field_rows_class(&r->rows, name), line,
                  fact_key(r->builder, r->reg, name), one_blanks(text, blanks, sizeof(blanks)));
}

/* "75.000W", "75.000000" and "75W" are the same limit: its digits. */
static struct str watts(struct str text)
{
    size_t len = str_ends(text, "W") ? text.len - 1 : text.len;

    if (!memchr(text.p, '.', len))
        return (struct str){text.p, len};
    while (text.p[len - 1] == '0')
        len--;
    if (text.p[len - 1] == '.')
        len--;
    return (struct str){text.p, len};
}

/* A speed or width with lspci's own judgement behind it: "16GT/s (downgraded)". */
static struct str take_mark(struct registers *r, uint32_t line, struct str name, struct str value)
{
    const char *paren = value.len ? memchr(value.p, '(', value.len) : NULL;
    struct str mark;

    if (!paren)
        return value;
    mark = str_range(paren + 1, value.p + value.len);
    if (str_ends(mark, ")"))
        mark.len--;
    registers_text(r, line, str_is(name, "Speed") ? STR("SpeedMark") : STR("WidthMark"), mark);
    return str_trim(str_range(value.p, paren));
}

/* The values that need more than their spelling. False: this one does not. */

static bool speed(struct registers *r, uint32_t line, struct str name, struct str value)
{
    if (str_find(value, "-") >= 0)
        return false;
    if (r->reg.len)
        value = take_mark(r, line, name, value);
    registers_number(r, line, name, speed_parse(value), value);
    return true;
}

static bool width(struct registers *r, uint32_t line, struct str name, struct str value)
{
    if (!str_starts(value, "x"))
        return false;
    value = take_mark(r, line, name, value);
    registers_number(r, line, name, width_parse(value), value);
    return true;
}

static bool power_limit(struct registers *r, uint32_t line, struct str name, struct str value)
{
    char text[32];
    struct str w;
    int len;

    if (!value.len || (!char_is_digit(value.p[0]) && value.p[0] != '>'))
        return false;
    w = watts(value);
    len = snprintf(text, sizeof(text), "%.*sW", (int)(w.len > 24 ? 24 : w.len), w.p);
    registers_text(r, line, name, (struct str){text, (size_t)len});
    return true;
}

/* "LaneErr at lane: 0 3", since 3.6.3. */
static bool lane_errors(struct registers *r, uint32_t line, struct str name, struct str value)
{
    ptrdiff_t colon = str_find(value, ":");
    char text[128];
    int len;

    if (colon < 0) {
        registers_text(r, line, name, value);
        return true;
    }
    value = str_trim(str_skip(value, (size_t)colon + 1));
    if (value.len > 100)
        value.len = 100;
    len = snprintf(text, sizeof(text), "lanes %.*s", STR_ARG(value));
    registers_text(r, line, name, (struct str){text, (size_t)len});
    return true;
}

/* Hex before 3.11, decimal since. */
static bool message_number(struct registers *r, uint32_t line, struct str name, struct str value)
{
    uint64_t number;

    if (str_to_u64(value, 16, &number) < 0)
        return false;
    registers_number(r, line, name, (int64_t)number, (struct str){0});
    return true;
}

/* The short form, before 3.9. */
static bool de_emphasis(struct registers *r, uint32_t line, struct str name, struct str value)
{
    if (str_is(value, "-6dB"))
        value = STR("-6dB de-emphasis, 0dB preshoot");
    else if (str_is(value, "-3.5dB"))
        value = STR("-3.5dB de-emphasis, 0dB preshoot");
    registers_text(r, line, name, value);
    return true;
}

/* Before 3.6 both exit latencies were printed, whatever the link can do. */
static bool latency_of_nothing(struct registers *r, struct str name, struct str value)
{
    if (!str_is(r->block, "Express") || !str_is(r->reg, "LnkCap"))
        return false;
    if (str_is(name, "ASPM")) {
        r->l0s_missing = str_find(value, "L0s") < 0;
        r->l1_missing = str_find(value, "L1") < 0;
    }
    return (r->l0s_missing && str_ends(name, "Latency L0s")) ||
           (r->l1_missing && str_ends(name, "L1"));
}

static bool special_value(struct registers *r, uint32_t line, struct str name, struct str value)
{
    static const struct {
        const char *name;
        bool ends; /* a name that ends so is meant too */
        bool (*take)(struct registers *r, uint32_t line, struct str name, struct str value);
    } rows[] = {
        {"Speed", true, speed},
        {"Width", false, width},
        {"PowerLimit", true, power_limit},
        {"LaneErrStat", false, lane_errors},
        {"Interrupt Message Number", false, message_number},
        {"Compliance De-emphasis", false, de_emphasis},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((rows[i].ends ? str_ends(name, rows[i].name) : str_is(name, rows[i].name)) &&
            rows[i].take(r, line, name, value))
            return true;
    return latency_of_nothing(r, name, value);
}

void registers_value(struct registers *r, uint32_t line, struct str name, struct str value)
{
    struct str digits;
    char space[REGISTERS_NAME_MAX];
    uint64_t number;

    value = str_trim(value);
    if (str_ends(value, "<?>"))
        value = str_trim((struct str){value.p, value.len - 3});
    if (special_value(r, line, name, value))
        return;
    if (value.len <= 16 && r->rows.hex_count &&
        field_rows_hex(&r->rows, full_name(r, name, space)) &&
        str_to_u64(value, 16, &number) == 0) {
        registers_number(r, line, name, (int64_t)number, value);
        return;
    }
    digits = value;
    if (str_ends(digits, " bytes"))
        digits.len -= 6;
    else if (digits.len > 1 && digits.p[0] == '#')
        digits = str_skip(digits, 1);
    if (digits.len && digits.len < 19 && char_is_digit(digits.p[0]) &&
        str_to_u64(digits, 10, &number) == 0)
        registers_number(r, line, name, (int64_t)number, (struct str){0});
    else
        registers_text(r, line, name, value);
}
