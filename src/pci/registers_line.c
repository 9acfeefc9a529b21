#include "pci/registers.h"

/* Values that fill the rest of their line, commas and colons included. */
static const char *const whole_values[] = {
    "Compliance Preset/De-emphasis",
    "Compliance De-emphasis",
    "HeaderLog",
    "LaneErrStat",
    "RCiEPBitmap",
    "AssociatedBusNumbers",
    "AlternateBus",
    "PTMClockGranularity",
    "PTMEffectiveGranularity",
    "DownstreamComp",
    "BAR Equivalent Indicator",
    "PrimaryProperties",
    "SecondaryProperties",
    "Base",
    "MaxOffset",
    "Revision ID",
    "Link Frequency",
    "Link Frequency 0",
    "Link Frequency 1",
    "McastReceiveVec",
    "McastBlockAllVec",
    "McastBlockUntransVec",
    "Mapping Address Base",
    "Prefetchable memory behind bridge Upper",
};

/* Labels inside a register: what follows on the line is named under them. */
static const char *const sub_labels[] = {
    "AtomicOpsCap", "AtomicOpsCtl", "Enable", "Control", "Changed", "Status",        "Caps",
    "Arb",          "Ctrl",         "Desc",   "Addr",    "CapA",    "Report errors",
};

/* Names of several words whose values follow without a colon. */
static const char *const long_names[] = {
    "Exit Latency L0s", "Exit Latency L1",
    "Latency L0s",      "Latency L0",
    "Latency L1",       "PME ReqID",
    "RP PIO Log",       "INT Msg",
    "LN System CLS",    "Interrupt Message Number",
    "Cache SF Cov",     "Cache SF Gran",
};

/* Names whose values are words and may be followed by a flag without a comma. */
static const char *const worded_names[] = {"OBFF", "LN", "EmergencyPowerReduction"};

static bool in_list(struct str text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count && text.len; i++)
        if (*list[i] == *text.p && str_is(text, list[i]))
            return true;
    return false;
}

#define IN_LIST(text, list) in_list(text, list, ARRAY_LEN(list))

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* ---- one line's words ---- */

/* What was read and not yet a fact: "Exit Latency L1" or, with a colon seen, a name and the words
 * of its value. */
struct piece {
    struct str name;
    struct str words;
    unsigned count; /* of words */
    bool named;     /* `name` had a colon */
};

static void piece_add(struct piece *piece, struct str word)
{
    if (!piece->count)
        piece->words = word;
    else
        piece->words.len = (size_t)(word.p + word.len - piece->words.p);
    piece->count++;
}

static void piece_end(struct registers *r, uint32_t line, struct piece *piece)
{
    struct str words = piece->words, name = {0};

    if (piece->named) {
        if (piece->count)
            registers_value(r, line, piece->name, words);
    } else if (piece->count == 1) {
        if (r->reg.len)
            registers_text(r, line, (struct str){0}, words);
        else
            registers_flag(r, line, words, true);
    } else if (piece->count) {
        for (size_t i = 0; i < ARRAY_LEN(long_names); i++) {
            size_t len = strlen(long_names[i]);

            if (words.len > len && str_starts(words, long_names[i]) && words.p[len] == ' ') {
                name = (struct str){words.p, len};
                break;
            }
        }
        if (!name.len)
            while (!is_blank(words.p[name.len]))
                name = (struct str){words.p, name.len + 1};
        words = str_trim(str_skip(words, name.len));
        if (str_starts(words, "# ")) /* "Slot # 40" before 3.2 */
            words = str_skip(words, 2);
        registers_value(r, line, name, words);
    }
    *piece = (struct piece){0};
}

/* PME(D0+,D1-): flags named under the word. */
static void flag_group(struct registers *r, uint32_t line, struct str word, const char *paren)
{
    struct str rest = str_range(paren + 1, word.p + word.len), item, outer = r->prefix;

    if (str_ends(rest, ")"))
        rest.len--;
    r->prefix = str_range(word.p, paren);
    while (str_cut(&rest, ',', &item))
        if (item.len > 1 && (str_ends(item, "+") || str_ends(item, "-")))
            registers_flag(r, line, (struct str){item.p, item.len - 1},
                           item.p[item.len - 1] == '+');
    r->prefix = outer;
}

static void take_flag(struct registers *r, uint32_t line, struct piece *piece, struct str word)
{
    bool on = word.p[word.len - 1] == '+';
    struct str name = {word.p, word.len - 1};

    if (str_ends(name, ":"))
        name.len--;
    if (piece->named && !piece->count) {
        r->prefix = piece->name;
        *piece = (struct piece){0};
    } else if (piece->named || piece->count) {
        struct str first = piece->words;
        const char *blank = memchr(first.p, ' ', first.len);

        if (blank)
            first = str_range(first.p, blank);
        if (piece->named || IN_LIST(first, worded_names)) {
            piece_end(r, line, piece);
        } else { /* "DMWr Request Routing-" */
            name = str_range(piece->words.p, name.p + name.len);
            *piece = (struct piece){0};
        }
    }
    registers_flag(r, line, name, on);
}

static bool is_flag(struct str word)
{
    char last = word.p[word.len - 1];

    return word.len > 1 && (last == '+' || last == '-') && word.p[0] != '(' && word.p[0] != '-' &&
           word.p[word.len - 2] != '-';
}

/* Does a value that begins with `word` end with it? Not before "bytes", a range or a mark. */
static bool value_ends(struct str rest)
{
    struct str next;

    return !str_word(&rest, &next) ||
           (next.p[0] != '(' && !str_starts(next, "bytes") && !str_is(next, "to"));
}

/* Cut the next word; blanks inside quotes and parentheses don't end it. */
static bool next_word(struct str *rest, struct str *word)
{
    char close = 0;
    size_t i = 0;

    while (rest->len && is_blank(rest->p[0]))
        *rest = str_skip(*rest, 1);
    if (!rest->len)
        return false;
    for (; i < rest->len && (close || !is_blank(rest->p[i])); i++) {
        char c = rest->p[i];

        if (close)
            close = c == close ? 0 : close;
        else if (c == '(' && memchr(rest->p + i, ')', rest->len - i))
            close = ')';
        else if (c == '\'' && i && rest->p[i - 1] == '=' &&
                 memchr(rest->p + i + 1, '\'', rest->len - i - 1))
            close = '\'';
    }
    *word = (struct str){rest->p, i};
    *rest = str_skip(*rest, i);
    return true;
}

static void take_word(struct registers *r, uint32_t line, struct piece *piece, struct str word,
                      struct str rest)
{
    const char *equals = memchr(word.p, '=', word.len), *colon = memchr(word.p, ':', word.len);
    const char *paren = memchr(word.p, '(', word.len);
    struct str name;

    if (colon && equals && colon < equals)
        equals = NULL;
    if (paren > word.p && str_ends(word, ")") && !equals) {
        piece_end(r, line, piece);
        flag_group(r, line, word, paren);
    } else if (is_flag(word) && !equals) {
        take_flag(r, line, piece, word);
    } else if (equals > word.p) {
        piece_end(r, line, piece);
        registers_value(r, line, str_range(word.p, equals),
                        str_range(equals + 1, word.p + word.len));
    } else if (colon && colon > word.p && colon + 1 == word.p + word.len) {
        name = str_range(word.p, colon);
        if (piece->named)
            piece_end(r, line, piece);
        else if (piece->count)
            name = str_range(piece->words.p, colon);
        *piece = (struct piece){.name = name, .named = true};
    } else if (colon > word.p && !piece->named && !char_is_digit(word.p[0])) {
        name = str_range(piece->count ? piece->words.p : word.p, colon);
        *piece = (struct piece){0};
        registers_value(r, line, name, str_range(colon + 1, word.p + word.len));
    } else {
        piece_add(piece, word);
        /* "RCB 64 bytes LnkDisable-": a number after a plain name ends by itself. */
        if (!piece->named && piece->count == 2 &&
            (char_is_digit(word.p[0]) || (word.p[0] == '#' && word.len > 1) || word.p[0] == '<') &&
            value_ends(rest))
            piece_end(r, line, piece);
        else if (!piece->named && piece->count == 3 && str_is(word, "bytes"))
            piece_end(r, line, piece);
    }
}

void registers_fields(struct registers *r, uint32_t line, struct str text)
{
    struct piece piece = {0};
    struct str word;

    if (text.len > REGISTERS_LINE_MAX)
        text.len = REGISTERS_LINE_MAX;
    while (next_word(&text, &word)) {
        bool last = str_ends(word, ",") || str_ends(word, ";");

        if (last)
            word.len--;
        if (word.len && !str_is(word, "<?>") && !str_is(word, "[...]"))
            take_word(r, line, &piece, word, last ? (struct str){0} : text);
        if (last)
            piece_end(r, line, &piece);
    }
    piece_end(r, line, &piece);
}

/* ---- labels ---- */

/* The label that the line starts with ("Link Control 0:"), cut off *text; false when there is none.
 */
static bool take_label(struct str *text, struct str *label)
{
    size_t i = 0;

    while (i < text->len && i <= REGISTERS_NAME_MAX && text->p[i] != ':' && text->p[i] != ',' &&
           text->p[i] != ';' && text->p[i] != '=' && text->p[i] != '+' && text->p[i] != '(')
        i++;
    if (i == 0 || i >= text->len || text->p[i] != ':' ||
        (i + 1 < text->len && !is_blank(text->p[i + 1])))
        return false;
    for (size_t k = 0; k + 1 < i; k++) /* "Trigger- Reason: 00" has a flag in front */
        if (text->p[k] == '-' && is_blank(text->p[k + 1]))
            return false;
    *label = (struct str){text->p, i};
    *text = str_trim(str_skip(*text, i + 1));
    return true;
}

/* Does the text behind a label start with a bare value instead of a field? */
static bool is_bare(struct str text)
{
    struct str word;
    size_t hex = 0;

    if (!str_word(&text, &word))
        return false;
    if (str_ends(word, ","))
        word.len--;
    if (!word.len || is_flag(word) || memchr(word.p, '=', word.len))
        return false;
    if (word.p[0] == '<' || char_is_digit(word.p[0]))
        return true;
    while (hex < word.len &&
           (char_is_digit(word.p[hex]) || (word.p[hex] >= 'a' && word.p[hex] <= 'f')))
        hex++;
    return hex == word.len && hex >= 4;
}

void registers_more(struct registers *r, uint32_t line, struct str text)
{
    struct str whole = text, label;

    r->prefix = (struct str){0};
    if (str_ends(text, "<?>") && !memchr(text.p, ':', text.len) && !memchr(text.p, '=', text.len) &&
        !memchr(text.p, '+', text.len) && str_find(text, "- ") < 0)
        return; /* "Port Arbitration Table <?>" */
    if (take_label(&text, &label)) {
        if (IN_LIST(label, whole_values)) {
            registers_value(r, line, label, text);
            return;
        }
        if (IN_LIST(label, sub_labels)) {
            r->prefix = label;
            if (is_bare(text)) { /* "Addr: 00:1f.3" */
                struct str value = text;

                r->prefix = (struct str){0};
                registers_value(r, line, label, value);
                return;
            }
            registers_fields(r, line, text);
            return;
        }
    }
    registers_fields(r, line, whole);
}

/* A sentence ("No steering table available") is a flag that is on. */
static void take_sentence(struct registers *r, uint32_t line, struct str text)
{
    registers_open(r, (struct str){0});
    text = str_trim(text);
    if (str_ends(text, "<?>"))
        text = str_trim((struct str){text.p, text.len - 3});
    if (text.len)
        registers_flag(r, line, text, true);
}

void registers_line(struct registers *r, uint32_t line, struct str text)
{
    struct str whole = text, label;

    if (text.len > REGISTERS_LINE_MAX)
        text.len = REGISTERS_LINE_MAX;
    if (text.len && text.p[0] == '<') { /* "<unreadable>", "<error in resizable BAR: ...>" */
        take_sentence(r, line, text);
        return;
    }
    if (!take_label(&text, &label)) {
        registers_open(r, (struct str){0});
        if (memchr(whole.p, '=', whole.len) || memchr(whole.p, '+', whole.len) ||
            str_find(whole, "- ") >= 0 || str_ends(whole, "-"))
            registers_fields(r, line, whole);
        else
            take_sentence(r, line, whole);
        return;
    }
    if (str_is(label, "AtomicOpsCap") || str_is(label, "AtomicOpsCtl")) {
        /* lspci 3.5 to 3.5.5 indented these like registers. */
        registers_open(r, str_is(label, "AtomicOpsCap") ? STR("DevCap2") : STR("DevCtl2"));
        registers_more(r, line, whole);
        return;
    }
    if (IN_LIST(label, whole_values)) {
        registers_open(r, (struct str){0});
        registers_value(r, line, label, text);
        return;
    }
    if (is_bare(text)) {
        registers_open(r, (struct str){0});
        registers_fields(r, line, whole);
        return;
    }
    registers_open(r, label);
    registers_more(r, line, text);
}
