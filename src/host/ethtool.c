#include "host/ethtool.h"

#include "host/net_facts.h"
#include "host/scan.h"

#include <errno.h>

enum value { VALUE_TEXT, VALUE_NUMBER, VALUE_SPEED, VALUE_LINK, VALUE_BDF };

/* What a section's lines become: keys in a table, or every line under a register. */
struct row {
    const char *key, *name;
    enum value value;
    enum fact_class class;
};

static const struct row driver_rows[] = {
    {"driver", "driver", VALUE_TEXT, FACT_CONFIG},
    {"version", "driver_version", VALUE_TEXT, FACT_CONFIG},
    {"firmware-version", "firmware", VALUE_TEXT, FACT_CONFIG},
    {"bus-info", "pci", VALUE_BDF, FACT_IDENTITY},
    {NULL},
};

static const struct row link_rows[] = {
    {"Speed", "speed_mbs", VALUE_SPEED, FACT_CONFIG},
    {"Duplex", "duplex", VALUE_TEXT, FACT_CONFIG},
    {"Port", "port", VALUE_TEXT, FACT_CONFIG},
    {"Auto-negotiation", "autoneg", VALUE_TEXT, FACT_CONFIG},
    {"Link detected", "state", VALUE_LINK, FACT_STATE},
    {NULL},
};

static const struct row fec_rows[] = {
    {"Configured FEC encodings", "fec_configured", VALUE_TEXT, FACT_CONFIG},
    {"Active FEC encoding", "fec", VALUE_TEXT, FACT_CONFIG},
    {NULL},
};

static const struct section {
    const char *header; /* how the section's first line starts */
    bool named;         /* ... and the interface follows, up to ':' */
    const struct row *rows;
    const char *reg;  /* without rows: every key becomes net.<reg>.<key> */
    const char *most; /* ... but after "Pre-set maximums:" net.<most>.<key> */
} sections[] = {
    {"Settings for ", true, link_rows, NULL, NULL},
    {"FEC parameters for ", true, fec_rows, NULL, NULL},
    {"Features for ", true, NULL, "feature", NULL},
    {"Pause parameters for ", true, NULL, "pause", NULL},
    {"Ring parameters for ", true, NULL, "ring", "ring_max"},
    {"Channel parameters for ", true, NULL, "channels", "channels_max"},
    {"Coalesce parameters for ", true, NULL, "coalesce", NULL},
    {"driver: ", false, driver_rows, NULL, NULL},
    {"NIC statistics:", false, NULL, NULL, NULL},
};

/* Does the line open a section? *name is empty when the line doesn't say of which interface. */
static const struct section *section_of(struct str line, struct str *name)
{
    line = str_trim(line);
    *name = (struct str){0};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!str_starts(line, sections[i].header))
            continue;
        if (sections[i].named) {
            *name = str_skip(line, strlen(sections[i].header));
            if (!str_cut(name, ':', &line) || !line.len)
                continue;
            *name = line;
        }
        return &sections[i];
    }
    return NULL;
}

/* The last word of a command line or file name after "ethtool": "ethtool -i eth0",
 * "ethtool_-i_eth0.txt", "ethtool-eth0.txt". Empty without one. */
static struct str name_after(struct str text)
{
    ptrdiff_t at = -1, next;
    struct str rest = text, word;

    while ((next = str_find(rest, "ethtool")) >= 0) {
        at = rest.p + next - text.p;
        rest = str_skip(rest, (size_t)next + 7);
    }
    if (at < 0)
        return (struct str){0};
    word = str_trim(rest);
    for (const char *const *end = (const char *const[]){".txt", ".log", ".out", NULL}; *end; end++)
        if (str_ends(word, *end))
            word.len -= strlen(*end);
    /* Options: one letter between separators. */
    for (;;) {
        while (word.len && memchr(" -_.", word.p[0], 4))
            word = str_skip(word, 1);
        if (word.len < 2 || !memchr(" -_.", word.p[1], 4))
            break;
        word = str_skip(word, 1);
    }
    return word.len > 1 && net_is_physical(word) ? word : (struct str){0};
}

bool ethtool_looks_like(struct str text)
{
    struct scan scan = {text};
    struct str name;
    bool driver = false;

    while (scan.number < 100 && scan_next(&scan)) {
        const struct section *section = section_of(scan.line, &name);

        if (section && (section->named || !section->rows))
            return true;
        driver |= section != NULL;
        if (driver && str_starts(str_trim(scan.line), "bus-info:"))
            return true;
    }
    return false;
}

static void row_add(struct fact_builder *b, const struct row *row, uint32_t line, struct str value)
{
    uint32_t key = fact_key(b, STR(""), str_of(row->name));
    struct str rest = value, digits;
    int64_t number;

    switch (row->value) {
    case VALUE_SPEED: /* "200000Mb/s", "Unknown!" */
        digits = str_digits(&rest, 10);
        if (str_to_i64(digits, 10, &number) == 0)
            fact_number(b, row->class, line, key, number, STR(""));
        break;
    case VALUE_LINK:
        fact_text(b, row->class, line, key, str_is(value, "yes") ? STR("up") : STR("down"));
        break;
    default:
        if (value.len)
            fact_text(b, row->class, line, key, value);
    }
}

static void line_add(struct fact_builder *b, const struct section *section, bool most,
                     uint32_t line, struct str key, struct str value)
{
    struct str word;
    int64_t number;

    if (!section->reg) { /* statistics */
        if (str_to_i64(value, 10, &number) == 0)
            fact_number(b, net_counter_class(key), line, fact_key(b, STR(""), key), number,
                        STR(""));
        return;
    }
    if (!str_word(&value, &word)) /* "on [fixed]" is on */
        return;
    fact_text(b, FACT_CONFIG, line,
              fact_key(b, str_of(most && section->most ? section->most : section->reg), key), word);
}

/* The lines of the section whose header is the scan's current line. */
static void section_parse(struct node *node, uint16_t source, struct scan *scan,
                          const struct section *section, struct str name)
{
    struct fact_builder *b = node->builder;
    uint32_t first = scan->number;
    struct scan next = *scan;
    struct str key, value, other;
    bool most = false, first_line = true, has_pci = false;
    uint64_t bdf = 0, found;
    char bdf_text[BDF_TEXT_MAX];
    const struct fact_block *block;
    int subject;

    fact_begin(b, section->rows || section->reg ? STR("net") : STR("netcount"));
    /* -i's header is its first fact. */
    while (first_line || (scan_next(&next) && !section_of(next.line, &other))) {
        bool header = first_line;

        first_line = false;
        *scan = next;
        if (name_after(next.line).len && !header)
            break;
        if ((header && section->named) || next.number - first > ETHTOOL_LINES_MAX ||
            !scan_pair(next.line, &key, &value))
            continue;
        if (str_starts(key, "Pre-set maximums") || str_starts(key, "Current hardware settings"))
            most = str_starts(key, "Pre-set");
        else if (!section->rows)
            line_add(b, section, most, next.number - first, key, value);
        for (const struct row *row = section->rows; row && row->key; row++)
            if (str_is(key, row->key))
                row_add(b, row, next.number - first, value);
        if (str_is(key, "bus-info") && bdf_parse(value, &found) == 0) {
            bdf = found;
            has_pci = true;
        }
    }
    block = fact_end(b);
    if (!name.len && has_pci) {
        bdf_print(bdf, bdf_text);
        name = str_of(bdf_text);
    }
    subject = name.len ? net_subject(node, name) : -1;
    if (subject < 0) {
        if (!name.len)
            node_add_unseen(node, -1, source, NULL, "network interface",
                            "the ethtool text does not say which interface it is about");
        return;
    }
    if (!block || block->count)
        node_attach(node, (uint32_t)subject, block, source, first);
    if (has_pci)
        net_set_pci(node, (uint32_t)subject, bdf);
}

int ethtool_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct str current = name_after(str_of(node->sources[source].name)), name, prompt;
    struct scan scan = {text};
    unsigned count = 0;
    bool more = scan_next(&scan);

    while (more && count < ETHTOOL_SECTIONS_MAX && node_ok(node) == 0) {
        const struct section *section = section_of(scan.line, &name);
        uint32_t at = scan.number;

        prompt = section ? (struct str){0} : name_after(scan.line);
        if (prompt.len)
            current = prompt;
        if (section) {
            section_parse(node, source, &scan, section, name.len ? name : current);
            count++;
            /* It stopped at a prompt, which is to be looked at here. */
            if (scan.number > at && name_after(scan.line).len)
                continue;
        }
        more = scan_next(&scan);
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the network interfaces") : 0;
}
