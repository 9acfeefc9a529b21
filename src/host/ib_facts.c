#include "host/ib_facts.h"

#include "host/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* The numbers of the InfiniBand specification, as the kernel and libibverbs print them. */
static const char *const states[] = {NULL, "DOWN", "INIT", "ARMED", "ACTIVE", "ACTIVE_DEFER"};
static const char *const phys_states[] = {NULL,
                                          "Sleep",
                                          "Polling",
                                          "Disabled",
                                          "PortConfigurationTraining",
                                          "LinkUp",
                                          "LinkErrorRecovery",
                                          "PhyTest"};

/* Lane speeds: the bit in libibverbs' active_speed, the name, Gb/s of four lanes. */
static const struct {
    unsigned code;
    const char *name;
    unsigned gbs4;
} speeds[] = {
    {1, "SDR", 10},   {2, "DDR", 20},   {4, "QDR", 40},    {8, "FDR10", 40},  {16, "FDR", 56},
    {32, "EDR", 100}, {64, "HDR", 200}, {128, "NDR", 400}, {256, "XDR", 800},
};

/* The code in "4: ACTIVE" or "PORT_ACTIVE (4)"; -1 without one. */
static int64_t code_of(struct str value)
{
    struct str rest = value, digits = str_digits(&rest, 10);
    int64_t code;

    if (!digits.len || !rest.len || rest.p[0] != ':') {
        ptrdiff_t open = str_find(value, "(");

        if (open < 0)
            return -1;
        rest = str_skip(value, (size_t)open + 1);
        digits = str_digits(&rest, 10);
        if (!rest.len || rest.p[0] != ')')
            return -1;
    }
    return str_to_i64(digits, 10, &code) < 0 ? -1 : code;
}

/* The same letters, apart from case, '_' and blanks? "Initializing" starts with "INIT", "LINK_UP"
 * is "LinkUp". */
static bool starts_like(struct str text, const char *word)
{
    for (; *word; word++, text = str_skip(text, 1)) {
        while (text.len && (text.p[0] == '_' || text.p[0] == ' ') && *word != '_')
            text = str_skip(text, 1);
        if (!text.len || toupper((unsigned char)text.p[0]) != toupper((unsigned char)*word))
            return false;
    }
    return true;
}

static struct str name_of(struct str value, const char *const *names, size_t count)
{
    int64_t code = code_of(value);

    if (code > 0 && (size_t)code < count)
        return str_of(names[code]);
    for (size_t i = count; i-- > 1;)
        if (starts_like(value, names[i]))
            return str_of(names[i]);
    return value;
}

static void add_text(struct fact_builder *b, const struct ib_row *row, uint32_t line,
                     struct str value)
{
    fact_text(b, row->class, line, fact_key(b, STR(""), str_of(row->name)), value);
}

static void add_number(struct fact_builder *b, const struct ib_row *row, uint32_t line,
                       struct str value)
{
    struct str rest = value, word;
    int64_t number;

    if (str_word(&rest, &word) && str_to_i64(word, 0, &number) == 0)
        fact_number(b, row->class, line, fact_key(b, STR(""), str_of(row->name)), number, STR(""));
    else
        add_text(b, row, line, value);
}

/* "400 Gb/sec (4X NDR)", "2.5 Gb/sec (1X SDR)", "400". */
static void add_rate(struct fact_builder *b, uint32_t line, struct str value)
{
    struct str rest = value, word, inside = scan_between(value, "(", ")");
    double gbs;

    if (str_word(&rest, &word) && str_to_double(word, &gbs) == 0 && gbs >= 0 && gbs < 1e6)
        fact_number(b, FACT_CONFIG, line, fact_key(b, STR(""), STR("rate_gbs")), (int64_t)gbs,
                    word);
    if (str_word(&inside, &word) && str_ends(word, "X"))
        fact_text(b, FACT_CONFIG, line, fact_key(b, STR(""), STR("width")), word);
    if (str_word(&inside, &word))
        fact_text(b, FACT_CONFIG, line, fact_key(b, STR(""), STR("speed_name")), word);
}

int ib_guid(struct str value, char out[IB_GUID_TEXT_MAX])
{
    char digits[17] = "0000000000000000";
    size_t count = 0;

    if (str_starts(value, "0x"))
        value = str_skip(value, 2);
    for (size_t i = value.len; i-- > 0 && count < 16;) {
        if (value.p[i] == ':')
            continue;
        if (char_hex(value.p[i]) < 0)
            return -EINVAL;
        digits[15 - count++] = (char)tolower((unsigned char)value.p[i]);
    }
    if (!count)
        return -EINVAL;
    (void)snprintf(out, IB_GUID_TEXT_MAX, "%.4s:%.4s:%.4s:%.4s", digits, digits + 4, digits + 8,
                   digits + 12);
    return 0;
}

static void add_guid(struct fact_builder *b, const struct ib_row *row, uint32_t line,
                     struct str value)
{
    char text[IB_GUID_TEXT_MAX];

    if (ib_guid(value, text) == 0)
        add_text(b, row, line, str_of(text));
}

struct str ib_speed_name(struct str value)
{
    int64_t code = code_of(value);

    for (size_t i = 0; i < ARRAY_LEN(speeds); i++)
        if (code == speeds[i].code)
            return str_of(speeds[i].name);
    return (struct str){0};
}

unsigned ib_rate_of(struct str width, struct str speed_name)
{
    struct str digits = str_digits(&width, 10);
    int64_t lanes;

    if (digits.len > 2 || str_to_i64(digits, 10, &lanes) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(speeds); i++)
        if (str_is(speed_name, speeds[i].name))
            return (unsigned)lanes * speeds[i].gbs4 / 4;
    return 0;
}

void ib_add(struct fact_builder *b, const struct ib_row *row, uint32_t line, struct str value)
{
    struct str rest = value, word = {0};
    char part[32];

    switch (row->value) {
    case IB_TEXT:
        add_text(b, row, line, value);
        break;
    case IB_NUMBER:
        add_number(b, row, line, value);
        break;
    case IB_STATE:
        add_text(b, row, line, name_of(value, states, ARRAY_LEN(states)));
        break;
    case IB_PHYS:
        add_text(b, row, line, name_of(value, phys_states, ARRAY_LEN(phys_states)));
        break;
    case IB_RATE:
        add_rate(b, line, value);
        break;
    case IB_WIDTH:
        if (str_word(&rest, &word))
            add_text(b, row, line, word);
        break;
    case IB_SPEED:
        word = ib_speed_name(value);
        add_text(b, row, line, word.len ? word : value);
        break;
    case IB_GUID:
        add_guid(b, row, line, value);
        break;
    case IB_PART:
        (void)snprintf(part, sizeof(part), "MT%.*s", value.len > 16 ? 16 : (int)value.len, value.p);
        add_text(b, row, line, str_of(part));
        break;
    }
}

uint32_t ib_subject(struct node *node, struct str device, struct str port)
{
    char name[SCAN_NAME_MAX];
    int len = snprintf(name, sizeof(name), "%.*s/%.*s", STR_ARG(device), STR_ARG(port));

    if (len < 0 || (size_t)len >= sizeof(name))
        return 0;
    return node_subject(node, SUBJECT_IB_PORT, str_of(name));
}

void ib_set_pci(struct node *node, uint32_t subject, uint64_t bdf)
{
    if (node->subjects[subject].kind == SUBJECT_IB_PORT)
        node->subjects[subject].bdf = bdf;
}

int ib_find_pci(const struct node *node, uint64_t bdf)
{
    int found = -1;

    for (uint32_t i = 0; i < node->subject_count; i++) {
        const struct subject *subject = &node->subjects[i];

        if (subject->kind == SUBJECT_IB_PORT && subject->bdf == bdf &&
            (found < 0 || strcmp(subject->name, node->subjects[found].name) < 0))
            found = (int)i;
    }
    return found;
}

bool ib_path_bdf(struct str path, uint64_t *bdf)
{
    struct str part;
    bool found = false;
    uint64_t value;

    while (str_cut(&path, '/', &part))
        if (bdf_parse(part, &value) == 0) {
            *bdf = value;
            found = true;
        }
    return found;
}
