#include "host/nvidia_topo.h"

#include "host/denied.h"
#include "host/nvidia_errors.h"
#include "host/scan.h"

#include <errno.h>

/* A line without its escape sequences (ESC [ ... letter), which nvidia-smi prints even to a file.
 */
static struct str plain(struct str line, char out[TOPO_LINE_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < line.len && len < TOPO_LINE_MAX; i++) {
        if (line.p[i] == '\033') {
            if (i + 1 < line.len && line.p[i + 1] == '[')
                i++;
            while (i + 1 < line.len &&
                   !((line.p[i + 1] | 0x20) >= 'a' && (line.p[i + 1] | 0x20) <= 'z'))
                i++;
            i++;
            continue;
        }
        out[len++] = line.p[i];
    }
    return (struct str){out, len};
}

static bool is_gpu_name(struct str word)
{
    struct str rest = str_skip(word, 3);

    return str_starts(word, "GPU") && str_digits(&rest, 10).len > 0 && !rest.len;
}

enum relation { RELATION_NONE, RELATION_SELF, RELATION_PATH, RELATION_P2P };

static enum relation relation_of(struct str word)
{
    static const char *const paths[] = {"PIX", "PXB", "PHB", "NODE", "SYS", "SOC", "C2C"};
    static const char *const p2p[] = {"OK", "CNS", "GNS", "TNS", "NS", "DR", "U"};
    struct str rest;

    if (str_is(word, "X"))
        return RELATION_SELF;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (str_is(word, paths[i]))
            return RELATION_PATH;
    for (size_t i = 0; i < ARRAY_LEN(p2p); i++)
        if (str_is(word, p2p[i]))
            return RELATION_P2P;
    rest = str_skip(word, 2);
    return str_starts(word, "NV") && str_digits(&rest, 10).len && !rest.len ? RELATION_PATH
                                                                            : RELATION_NONE;
}

/* The names of the columns: GPUs first, then NICs, up to "CPU Affinity". They live in `names`. */
struct header {
    char names[TOPO_LINE_MAX];
    struct str columns[TOPO_COLUMNS_MAX];
    unsigned count;
};

/* Is this the line of column names? The first is a GPU; so is the second, or there is no relation
 * where a row would have one. */
static bool header_read(struct header *header, struct str line)
{
    struct str rest = line, first, second = {0}, word;

    if (!str_word(&rest, &first) || !is_gpu_name(first))
        return false;
    if (str_word(&rest, &second) && relation_of(second) != RELATION_NONE)
        return false;
    if (!second.len && scan_indent(line) == 0)
        return false;
    memcpy(header->names, line.p, line.len);
    rest = (struct str){header->names, line.len};
    header->count = 0;
    while (header->count < TOPO_COLUMNS_MAX && str_word(&rest, &word)) {
        if (str_is(word, "CPU") || str_is(word, "NUMA") || str_is(word, "GPU"))
            break;
        if (word.len <= SCAN_NAME_MAX)
            header->columns[header->count++] = word;
    }
    return true;
}

bool nvidia_topo_looks_like(struct str text)
{
    struct header header;
    struct scan scan = {text};
    char line[TOPO_LINE_MAX];
    bool in_matrix = false;

    while (scan.number < 200 && scan_next(&scan)) {
        struct str rest = plain(scan.line, line), name, word;

        if (!in_matrix)
            in_matrix = header_read(&header, rest);
        else if (str_word(&rest, &name) && str_word(&rest, &word) &&
                 str_eq(name, header.columns[0]))
            return relation_of(word) != RELATION_NONE;
    }
    return false;
}

/* What follows the matrix in a GPU's row: CPUs, NUMA node, the GPU's own NUMA node. The columns are
 * as wide as their titles, so a short one is followed by an empty field. */
static unsigned affinity(struct fact_builder *b, uint32_t line, struct str gpu, struct str rest)
{
    static const char *const names[] = {"cpus", "numa", "gpu_numa"};
    size_t column = 0;
    unsigned count = 0;
    struct str word;

    /* The tab after the matrix, and the one after an absent CPU list. */
    if (rest.len && rest.p[0] == '\t') {
        rest = str_skip(rest, 1);
        if (rest.len && rest.p[0] == '\t')
            column = 1;
    }
    for (; column < ARRAY_LEN(names) && str_word(&rest, &word); column++, count++)
        fact_text(b, FACT_CONFIG, line, fact_key(b, gpu, str_of(names[column])), word);
    return count;
}

/* The cells of one row that are of this kind. */
static unsigned row_parse(struct fact_builder *b, uint32_t line, struct str text,
                          const struct header *header, enum relation kind)
{
    struct str rest = text, name, word;
    unsigned cells = 0, known = 0;

    if (!str_word(&rest, &name))
        return 0;
    for (unsigned i = 0; i < header->count; i++)
        known += str_eq(name, header->columns[i]);
    if (!known)
        return 0;
    for (unsigned i = 0; i < header->count; i++) {
        struct str cell = rest;
        enum relation relation = str_word(&cell, &word) ? relation_of(word) : RELATION_NONE;

        if (relation == RELATION_NONE)
            return cells; /* cut off here */
        rest = cell;
        if (relation != kind)
            continue;
        fact_text(b, FACT_CONFIG, line, fact_key(b, name, header->columns[i]), word);
        cells++;
    }
    while (rest.len && rest.p[0] == ' ')
        rest = str_skip(rest, 1);
    if (kind == RELATION_PATH && is_gpu_name(name))
        cells += affinity(b, line, name, rest);
    return cells;
}

static void matrix_parse(struct node *node, uint16_t source, struct scan scan, struct str block,
                         enum relation kind)
{
    struct fact_builder *b = node->builder;
    struct header header = {.count = 0};
    char buffer[TOPO_LINE_MAX];
    unsigned rows = 0;
    bool any = false;

    fact_begin(b, block);
    while (scan_next(&scan)) {
        struct str line = plain(scan.line, buffer), key, value;

        if (header_read(&header, line))
            continue;
        if (kind == RELATION_PATH && scan_pair(line, &key, &value) && str_starts(key, "NIC") &&
            value.len && value.len <= SCAN_NAME_MAX && rows++ < TOPO_COLUMNS_MAX) {
            fact_text(b, FACT_CONFIG, scan.number - 1, fact_key(b, key, STR("name")), value);
            any = true;
        } else if (header.count && rows++ < TOPO_COLUMNS_MAX * 2) {
            any |= row_parse(b, scan.number - 1, line, &header, kind) > 0;
        }
    }
    if (any)
        node_attach(node, 0, fact_end(b), source, 1);
}

int nvidia_topo_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    if (denied_note(node, source, text, "paths between GPUs and NICs", "topo"))
        return 0;
    (void)nvidia_errors(node, source, text);
    matrix_parse(node, source, (struct scan){text}, STR("topo"), RELATION_PATH);
    matrix_parse(node, source, (struct scan){text}, STR("p2p"), RELATION_P2P);
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the GPU matrix") : 0;
}
