#include "host/memory.h"

#include "base/cpulist.h"
#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"
#include "host/treefile.h"

#include <stdio.h>

/* "1056423712 kB" or "0" */
static bool leading_number(struct str value, int64_t *out)
{
    struct str word;

    return str_word(&value, &word) && str_to_i64(word, 10, out) == 0;
}

/* Equal machines differ by some megabytes that firmware and kernel keep, so what is compared is the
 * amount on a grid of about a hundredth; one DIMM of 32 is more. */
static int64_t about(int64_t amount)
{
    int64_t grid = 1;

    if (amount <= 0 || amount > INT64_MAX / 2)
        return amount;
    while (grid <= amount / 128)
        grid *= 2;
    return (amount + grid / 2) / grid * grid;
}

int meminfo_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct {
        const char *key, *path;
        enum fact_class class;
    } keys[] = {
        {"MemTotal", "mem.total_kb", FACT_STATE},
        {"SwapTotal", "mem.swap_kb", FACT_CONFIG},
        {"HugePages_Total", "mem.hugepages_total", FACT_CONFIG},
        {"Hugepagesize", "mem.hugepage_kb", FACT_CONFIG},
        {"HardwareCorrupted", "mem.corrupted_kb", FACT_STATE},
        {"MemAvailable", "mem.available_kb", FACT_VOLATILE},
    };
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;
    int64_t number;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        if (!scan_pair(scan.line, &key, &value) || !leading_number(value, &number))
            continue;
        if (str_is(key, "MemTotal"))
            gather_number(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("mem.about_mb"),
                          about(number / 1024), STR(""));
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_is(key, keys[i].key))
                gather_number(&gather, GATHER_HOST, keys[i].class, scan.number,
                              str_of(keys[i].path), number, STR(""));
    }
    return gather_done(&gather, err);
}

bool meminfo_looks_like(struct str text)
{
    return str_starts(text, "MemTotal:");
}

/* "0 1 2 3 64 65" -> "0-3,64-65", the spelling of sysfs. */
static void compact(struct str words, struct buf *out)
{
    struct cpulist list = {0};
    struct str word;
    int64_t cpu;

    while (str_word(&words, &word))
        if (str_to_i64(word, 10, &cpu) == 0)
            (void)cpulist_add(&list, cpu);
    buf_clear(out);
    cpulist_print(&list, out);
}

static bool numa_subject(struct gather *g, struct str number, uint32_t *subject)
{
    uint64_t id;

    if (str_to_u64(number, 10, &id) < 0 || id >= NUMA_NODES_MAX)
        return false;
    *subject = node_subject(g->node, SUBJECT_NUMA, number);
    return true;
}

static void add_numa_mb(struct gather *g, uint32_t subject, uint32_t line, int64_t mb)
{
    gather_number(g, subject, FACT_STATE, line, STR("numa.mem_mb"), mb, STR(""));
    gather_number(g, subject, FACT_CONFIG, line, STR("numa.about_mb"), about(mb), STR(""));
}

static void squeeze(struct str words, struct buf *out)
{
    struct str word;

    buf_clear(out);
    while (str_word(&words, &word)) {
        if (out->len)
            buf_puts(out, " ");
        buf_add(out, word.p, word.len);
    }
}

/* "node 0 cpus: 0 1 2", "node 0 size: 773676 MB", in "node distances:" "  0:  10  32". */
static void numactl_line(struct gather *g, const struct scan *scan, struct buf *text)
{
    struct str line = str_trim(scan->line), number, key, value;
    uint32_t subject;
    int64_t mb;

    if (!scan_pair(line, &key, &value))
        return;
    if (str_is(key, "available")) {
        if (leading_number(value, &mb))
            gather_number(g, GATHER_HOST, FACT_CONFIG, scan->number, STR("cpu.numa_nodes"), mb,
                          STR(""));
        return;
    }
    if (str_starts(key, "node ")) {
        key = str_skip(key, 5);
        if (!str_word(&key, &number) || !numa_subject(g, number, &subject))
            return;
        key = str_trim(key);
        if (str_is(key, "cpus")) {
            compact(value, text);
            gather_text(g, subject, FACT_CONFIG, scan->number, STR("numa.cpus"),
                        (struct str){text->p, text->len});
        } else if (str_is(key, "size") && leading_number(value, &mb)) {
            add_numa_mb(g, subject, scan->number, mb);
        }
        return;
    }
    if (numa_subject(g, key, &subject)) {
        squeeze(value, text);
        gather_text(g, subject, FACT_CONFIG, scan->number, STR("numa.distances"),
                    (struct str){text->p, text->len});
    }
}

int numactl_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct buf scratch = {0};
    struct gather gather;

    if (denied_note(node, source, text, "what numactl says", "numa"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan))
        numactl_line(&gather, &scan, &scratch);
    gather.failed |= scratch.failed;
    buf_done(&scratch);
    return gather_done(&gather, err);
}

bool numactl_looks_like(struct str text)
{
    return str_starts(text, "available: ") && scan_has(text, " nodes (");
}

/* ---- sysfs ---- */

#define NODE_ROOT "sys/devices/system/node/"

/* "Node 0 MemTotal:       792244224 kB" */
static bool node_total_mb(struct str text, uint32_t *line, int64_t *mb)
{
    struct scan scan = {.rest = text};

    while (scan_next(&scan)) {
        ptrdiff_t at = str_find(scan.line, "MemTotal:");

        if (at < 0 || !leading_number(str_skip(scan.line, (size_t)at + 9), mb))
            continue;
        *mb /= 1024;
        *line = scan.number;
        return true;
    }
    return false;
}

static void node_file(struct gather *g, const struct tree *tree, const struct tree_entry *entry)
{
    struct str name = str_skip(str_of(entry->path), sizeof(NODE_ROOT) - 1), head;
    struct str value = treefile_value(entry);
    struct buf text = {0};
    uint32_t subject, line;
    int64_t mb;

    if (!str_starts(name, "node") || !str_cut(&name, '/', &head) || head.len < 5 ||
        !numa_subject(g, str_skip(head, 4), &subject))
        return;
    if (str_is(name, "cpulist") && value.len) {
        treefile_source(g, tree, entry, "memory");
        gather_text(g, subject, FACT_CONFIG, 1, STR("numa.cpus"), value);
    } else if (str_is(name, "distance") && value.len) {
        squeeze(value, &text);
        g->failed |= text.failed;
        treefile_source(g, tree, entry, "memory");
        gather_text(g, subject, FACT_CONFIG, 1, STR("numa.distances"),
                    (struct str){text.p, text.len});
    } else if (str_is(name, "meminfo") && node_total_mb(entry->bytes, &line, &mb)) {
        treefile_source(g, tree, entry, "memory");
        add_numa_mb(g, subject, line, mb);
    }
    buf_done(&text);
}

/* "always [madvise] never" -> "madvise" */
static void chosen(struct gather *g, const struct tree *tree, const char *file, const char *path)
{
    const struct tree_entry *entry = tree_find(tree, file);
    struct str value;

    if (!entry)
        return;
    value = scan_between(treefile_value(entry), "[", "]");
    if (!value.len)
        return;
    treefile_source(g, tree, entry, "memory");
    gather_text(g, GATHER_HOST, FACT_CONFIG, 1, str_of(path), value);
}

/* sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages -> mem.hugepages_1048576kB */
static void hugepages(struct gather *g, const struct tree *tree)
{
    static const char root[] = "sys/kernel/mm/hugepages/hugepages-";
    size_t count;
    const struct tree_entry *entries = tree_under(tree, root, &count);

    for (size_t i = 0; i < count; i++) {
        struct str name = str_skip(str_of(entries[i].path), sizeof(root) - 1), size;
        char path[96];
        int64_t number;

        if (!str_cut(&name, '/', &size) || !str_is(name, "nr_hugepages") || size.len > 32 ||
            str_to_i64(treefile_value(&entries[i]), 10, &number) < 0)
            continue;
        (void)snprintf(path, sizeof(path), "mem.hugepages_%.*s", STR_ARG(size));
        treefile_source(g, tree, &entries[i], "memory");
        gather_number(g, GATHER_HOST, FACT_CONFIG, 1, str_of(path), number, STR(""));
    }
}

int memory_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    const struct tree_entry *entries, *ksm;
    struct gather gather;
    size_t count;

    gather_init(&gather, node, 0);
    entries = tree_under(tree, NODE_ROOT "node", &count);
    for (size_t i = 0; i < count; i++)
        node_file(&gather, tree, &entries[i]);
    chosen(&gather, tree, "sys/kernel/mm/transparent_hugepage/enabled", "mem.thp");
    chosen(&gather, tree, "sys/kernel/mm/transparent_hugepage/defrag", "mem.thp_defrag");
    hugepages(&gather, tree);
    ksm = tree_find(tree, "sys/kernel/mm/ksm/run");
    if (ksm && treefile_value(ksm).len) {
        treefile_source(&gather, tree, ksm, "memory");
        gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("mem.ksm"), treefile_value(ksm));
    }
    return gather_done(&gather, err);
}
