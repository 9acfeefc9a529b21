#include "host/fabricmanager.h"

#include "host/scan.h"

#include <errno.h>

struct sxid {
    uint64_t bdf;
    struct str code;
    bool fatal;
    uint32_t line, count; /* line of the first */
};

struct errors {
    struct sxid items[FABRIC_ERRORS_MAX];
    unsigned count;
    uint32_t lines, first_line; /* lines that are marked ERROR */
    struct str version;
    uint32_t version_line;
};

/* "detected NVSwitch non-fatal error 12028 on fid 0 on NVSwitch pci bus id 00000000:86:00.0 ..." */
static bool sxid_line(struct str line, struct sxid *sxid)
{
    static const char fatal[] = "NVSwitch fatal error ", nonfatal[] = "NVSwitch non-fatal error ";
    ptrdiff_t at = str_find(line, nonfatal);
    struct str rest, word;

    sxid->fatal = at < 0;
    if (sxid->fatal)
        at = str_find(line, fatal);
    if (at < 0)
        return false;
    rest = str_skip(line, (size_t)at + strlen(sxid->fatal ? fatal : nonfatal));
    sxid->code = str_digits(&rest, 10);
    at = str_find(rest, "pci bus id ");
    if (!sxid->code.len || sxid->code.len > 8 || at < 0)
        return false;
    rest = str_skip(rest, (size_t)at + strlen("pci bus id "));
    return str_word(&rest, &word) && bdf_parse(word, &sxid->bdf) == 0;
}

/* "[Feb 27 2025 15:10:02] [ERROR] [tid 12727] ..." */
static bool log_line(struct str line)
{
    return str_starts(line, "[") && scan_has(line, "] [tid ");
}

bool fabricmanager_looks_like(struct str text)
{
    struct scan scan = {text};

    while (scan.number < 50 && scan_next(&scan))
        if (log_line(scan.line))
            return true;
    return false;
}

/* "Fabric Manager version 570.86.15 is running with ..." */
static void version_read(struct errors *errors, struct scan *scan)
{
    ptrdiff_t at = str_find(scan->line, "Fabric Manager version");
    struct str rest, word;

    if (at < 0)
        return;
    rest = str_trim(str_skip(scan->line, (size_t)at + strlen("Fabric Manager version")));
    if (rest.len && rest.p[0] == ':')
        rest = str_skip(rest, 1);
    if (!str_word(&rest, &word) || word.p[0] < '0' || word.p[0] > '9' || word.len > SCAN_NAME_MAX)
        return;
    errors->version = word; /* the last start counts */
    errors->version_line = scan->number;
}

static void sxid_count(struct errors *errors, struct sxid sxid)
{
    for (unsigned i = 0; i < errors->count; i++) {
        struct sxid *known = &errors->items[i];

        if (known->bdf == sxid.bdf && known->fatal == sxid.fatal &&
            str_eq(known->code, sxid.code)) {
            known->count++;
            return;
        }
    }
    if (errors->count < FABRIC_ERRORS_MAX)
        errors->items[errors->count++] = sxid;
}

/* All codes of one switch, whose first is items[first]; marks them as done by a count of 0. */
static void switch_facts(struct node *node, uint16_t source, struct errors *errors, unsigned first)
{
    struct fact_builder *b = node->builder;
    uint64_t bdf = errors->items[first].bdf;
    uint32_t base = errors->items[first].line, total[2] = {0}, line[2] = {0};

    fact_begin(b, STR("SXid"));
    for (unsigned i = first; i < errors->count; i++) {
        struct sxid *sxid = &errors->items[i];

        if (sxid->bdf != bdf)
            continue;
        fact_number(b, FACT_STATE, sxid->line - base, fact_key(b, STR(""), sxid->code), sxid->count,
                    STR(""));
        if (!total[sxid->fatal])
            line[sxid->fatal] = sxid->line - base;
        total[sxid->fatal] += sxid->count;
        sxid->count = 0;
    }
    if (total[true])
        fact_number(b, FACT_STATE, line[true], fact_key(b, STR(""), STR("fatal")), total[true],
                    STR(""));
    if (total[false])
        fact_number(b, FACT_STATE, line[false], fact_key(b, STR(""), STR("nonfatal")), total[false],
                    STR(""));
    node_attach(node, node_pci(node, bdf), fact_end(b), source, base);
}

static void host_facts(struct node *node, uint16_t source, const struct errors *errors)
{
    struct fact_builder *b = node->builder;

    fact_begin(b, STR("smi"));
    if (errors->version.len)
        fact_text(b, FACT_CONFIG, errors->version_line - 1,
                  fact_key(b, STR(""), STR("fabric_manager")), errors->version);
    fact_number(b, FACT_STATE, errors->lines ? errors->first_line - 1 : 0,
                fact_key(b, STR(""), STR("fabric_manager_errors")), errors->lines, STR(""));
    node_attach(node, 0, fact_end(b), source, 1);
}

int fabricmanager_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct errors *errors = arena_alloc(node->arena, sizeof(*errors));
    struct scan scan = {text};
    bool any = false;

    if (!errors)
        return err_set(err, -ENOMEM, "no memory for the fabric manager's log");
    while (scan_next(&scan)) {
        struct sxid sxid;

        any |= log_line(scan.line);
        version_read(errors, &scan);
        if (scan_has(scan.line, "[ERROR]") && !errors->lines++)
            errors->first_line = scan.number;
        if (!sxid_line(scan.line, &sxid))
            continue;
        sxid.line = scan.number;
        sxid.count = 1;
        sxid_count(errors, sxid);
    }
    for (unsigned i = 0; i < errors->count; i++)
        if (errors->items[i].count)
            switch_facts(node, source, errors, i);
    if (any)
        host_facts(node, source, errors);
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the fabric manager's log") : 0;
}
