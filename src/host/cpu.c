#include "host/cpu.h"

#include "base/cpulist.h"
#include "host/denied.h"
#include "host/gather.h"
#include "host/treefile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* "Key:   value" */
static bool cut_key(struct str line, struct str *key, struct str *value)
{
    if (!memchr(line.p, ':', line.len) || !str_cut(&line, ':', key))
        return false;
    *key = str_trim(*key);
    *value = str_trim(line);
    return key->len > 0;
}

static const struct {
    const char *key, *path;
    enum fact_type type;
} lscpu_keys[] = {
    {"CPU(s)", "cpu.count", FACT_NUMBER},
    {"On-line CPU(s) list", "cpu.online", FACT_TEXT},
    {"Off-line CPU(s) list", "cpu.offline", FACT_TEXT},
    {"Vendor ID", "cpu.vendor", FACT_TEXT},
    {"Model name", "cpu.model", FACT_TEXT},
    {"Thread(s) per core", "cpu.threads_per_core", FACT_NUMBER},
    {"Core(s) per socket", "cpu.cores_per_socket", FACT_NUMBER},
    {"Socket(s)", "cpu.sockets", FACT_NUMBER},
    {"NUMA node(s)", "cpu.numa_nodes", FACT_NUMBER},
    {"CPU max MHz", "cpu.max_mhz", FACT_NUMBER},
    {"Virtualization type", "cpu.virtualization", FACT_TEXT},
    {"Hypervisor vendor", "cpu.hypervisor", FACT_TEXT},
};

/* "Spectre v2" -> "spectre_v2", as sysfs calls it. */
static void add_vulnerability(struct gather *g, uint32_t line, struct str name, struct str value)
{
    struct gather_path path;
    char low[64];

    if (name.len > sizeof(low))
        return;
    for (size_t i = 0; i < name.len; i++)
        low[i] = name.p[i] == ' ' ? '_' : (char)tolower((unsigned char)name.p[i]);
    gather_text(g, GATHER_HOST, FACT_CONFIG, line,
                gather_join(&path, "vulnerability", (struct str){low, name.len}), value);
}

/* "5008.9292" counts as 5008: the fraction is a rounding of the tool. */
static bool to_whole(struct str value, int64_t *out)
{
    const char *dot = value.len ? memchr(value.p, '.', value.len) : NULL;

    if (dot)
        value = str_range(value.p, dot);
    return str_to_i64(value, 10, out) == 0;
}

static void add_text(struct gather *g, uint32_t line, const char *path, struct str value)
{
    struct cpulist list = {0};

    gather_text(g, GATHER_HOST, FACT_CONFIG, line, str_of(path), value);
    if (!strcmp(path, "cpu.online") && cpulist_read(&list, value))
        gather_number(g, GATHER_HOST, FACT_CONFIG, line, STR("cpu.online_count"),
                      cpulist_count(&list), STR(""));
}

static void lscpu_line(struct gather *g, uint32_t line, struct str key, struct str value)
{
    int64_t number;

    if (str_starts(key, "Vulnerability ")) {
        add_vulnerability(g, line, str_skip(key, 14), value);
        return;
    }
    if (str_is(key, "Frequency boost")) {
        gather_flag(g, GATHER_HOST, FACT_CONFIG, line, STR("cpu.boost"), str_is(value, "enabled"));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(lscpu_keys); i++) {
        if (!str_is(key, lscpu_keys[i].key) || !value.len)
            continue;
        if (lscpu_keys[i].type == FACT_TEXT)
            add_text(g, line, lscpu_keys[i].path, value);
        else if (to_whole(value, &number))
            gather_number(g, GATHER_HOST, FACT_CONFIG, line, str_of(lscpu_keys[i].path), number,
                          STR(""));
        return;
    }
}

int lscpu_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct gather gather;
    struct str rest = text, line, key, value;
    uint32_t number = 0;

    if (denied_note(node, source, text, "what lscpu says", "cpu"))
        return 0;
    gather_init(&gather, node, source);
    while (str_line(&rest, &line)) {
        number++;
        if (cut_key(line, &key, &value))
            lscpu_line(&gather, number, key, value);
    }
    return gather_done(&gather, err);
}

bool lscpu_looks_like(struct str text)
{
    return str_starts(text, "Architecture:") && str_find(text, "CPU(s):") >= 0;
}

/* ---- /proc/cpuinfo ---- */

#define SOCKETS_MAX 64

int cpuinfo_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct {
        const char *key, *path;
    } texts[] = {{"vendor_id", "cpu.vendor"}, {"model name", "cpu.model"}};
    struct gather gather;
    struct str rest = text, line, key, value, microcode = {"", 0};
    int64_t sockets[SOCKETS_MAX], id, siblings = 0, cores = 0;
    uint32_t number = 0, microcode_line = 0;
    size_t socket_count = 0;
    bool mixed = false;

    gather_init(&gather, node, source);
    while (str_line(&rest, &line)) {
        number++;
        if (!cut_key(line, &key, &value))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            if (str_is(key, texts[i].key) && gather.rows.count < 64)
                gather_text(&gather, GATHER_HOST, FACT_CONFIG, number, str_of(texts[i].path),
                            value);
        if (str_is(key, "microcode")) {
            if (!microcode_line) {
                microcode = value;
                microcode_line = number;
            } else if (!str_eq(microcode, value) && !mixed) {
                mixed = true; /* the first CPU that differs is the evidence */
                microcode_line = number;
            }
        } else if (str_is(key, "physical id") && str_to_i64(value, 10, &id) == 0) {
            size_t at = 0;

            while (at < socket_count && sockets[at] != id)
                at++;
            if (at == socket_count && socket_count < SOCKETS_MAX)
                sockets[socket_count++] = id;
        } else if (str_is(key, "siblings")) {
            (void)str_to_i64(value, 10, &siblings);
        } else if (str_is(key, "cpu cores")) {
            (void)str_to_i64(value, 10, &cores);
        }
    }
    if (microcode_line)
        gather_text(&gather, GATHER_HOST, FACT_CONFIG, microcode_line, STR("cpu.microcode"),
                    mixed ? STR("mixed") : microcode);
    if (socket_count)
        gather_number(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.sockets"),
                      (int64_t)socket_count, STR(""));
    if (cores > 0 && siblings >= cores) {
        gather_number(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.cores_per_socket"), cores,
                      STR(""));
        /* With a CPU off-line this rounds up to what the socket has. */
        gather_number(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.threads_per_core"),
                      (siblings + cores - 1) / cores, STR(""));
    }
    return gather_done(&gather, err);
}

bool cpuinfo_looks_like(struct str text)
{
    return str_starts(text, "processor\t: ") || str_starts(text, "processor       : ");
}

/* ---- sysfs ---- */

#define CPU_ROOT "sys/devices/system/cpu/"

/* A value that every CPU has a file of: the common one, or "mixed: a b". */
struct common {
    const char *leaf, *path;
    struct str values[8];
    size_t count;
    const struct tree_entry *first;
};

static void common_add(struct common *common, const struct tree_entry *entry)
{
    struct str value = treefile_value(entry);

    if (!value.len)
        return;
    for (size_t i = 0; i < common->count; i++)
        if (str_eq(common->values[i], value))
            return;
    if (common->count == ARRAY_LEN(common->values))
        return;
    common->values[common->count++] = value;
    /* Where CPUs differ, the one that differs is the evidence. */
    common->first = entry;
}

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int c = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

    return c ? c : (x->len > y->len) - (x->len < y->len);
}

static void common_fact(struct common *common, const struct tree *tree, struct gather *g)
{
    struct buf text = {0};

    if (!common->count)
        return;
    qsort(common->values, common->count, sizeof(common->values[0]), by_text);
    if (common->count > 1)
        buf_puts(&text, "mixed:");
    for (size_t i = 0; i < common->count; i++) {
        if (common->count > 1)
            buf_puts(&text, " ");
        buf_add(&text, common->values[i].p, common->values[i].len);
    }
    g->failed |= text.failed;
    treefile_source(g, tree, common->first, "cpu");
    gather_text(g, GATHER_HOST, FACT_CONFIG, 1, str_of(common->path),
                (struct str){text.p, text.len});
    buf_done(&text);
}

/* "cpu12/cpufreq/scaling_governor" -> the part after "cpu12/"; false for other names. */
static bool per_cpu(struct str name, int64_t *cpu, struct str *leaf)
{
    struct str head, number;

    if (!str_starts(name, "cpu") || !str_cut(&name, '/', &head))
        return false;
    number = str_skip(head, 3);
    if (str_to_i64(number, 10, cpu) < 0)
        return false;
    *leaf = name;
    return true;
}

/* The names of CPU 0's idle states, and which of them are disabled: "POLL C1 C2(off)". */
static void idle_states(const struct tree *tree, struct gather *g)
{
    struct buf text = {0};
    const struct tree_entry *first = NULL;

    for (unsigned i = 0; i < 16; i++) {
        char path[96];
        const struct tree_entry *name, *disable;
        struct str value;

        (void)snprintf(path, sizeof(path), CPU_ROOT "cpu0/cpuidle/state%u/name", i);
        name = tree_find(tree, path);
        if (!name)
            break;
        first = first ? first : name;
        value = treefile_value(name);
        if (text.len)
            buf_puts(&text, " ");
        buf_add(&text, value.p, value.len);
        (void)snprintf(path, sizeof(path), CPU_ROOT "cpu0/cpuidle/state%u/disable", i);
        disable = tree_find(tree, path);
        if (disable && str_is(treefile_value(disable), "1"))
            buf_puts(&text, "(off)");
    }
    g->failed |= text.failed;
    if (first) {
        treefile_source(g, tree, first, "cpu");
        gather_text(g, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.idle_states"),
                    (struct str){text.p, text.len});
    }
    buf_done(&text);
}

static void single_files(const struct tree *tree, struct gather *g)
{
    static const struct {
        const char *leaf, *path;
    } files[] = {
        {"online", "cpu.online"},
        {"smt/control", "cpu.smt"},
        {"cpuidle/current_driver", "cpu.idle_driver"},
        {"cpuidle/current_governor", "cpu.idle_governor"},
        {"intel_pstate/status", "cpu.pstate_status"},
        {"amd_pstate/status", "cpu.pstate_status"},
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[96];
        const struct tree_entry *entry;
        struct str value;

        (void)snprintf(path, sizeof(path), CPU_ROOT "%s", files[i].leaf);
        entry = tree_find(tree, path);
        if (!entry)
            continue;
        value = treefile_value(entry);
        if (!value.len)
            continue;
        treefile_source(g, tree, entry, "cpu");
        add_text(g, 1, files[i].path, value);
    }
}

/* The kernel's own list `offline` also holds the sockets that could be plugged in one day, so the
 * lost CPUs are those that are present and not online. */
static void presence(const struct tree *tree, struct gather *g)
{
    const struct tree_entry *present = tree_find(tree, CPU_ROOT "present");
    const struct tree_entry *online = tree_find(tree, CPU_ROOT "online");
    struct cpulist here = {0}, on = {0};
    struct buf text = {0};

    if (!present || !treefile_value(present).len || !cpulist_read(&here, treefile_value(present)))
        return;
    treefile_source(g, tree, present, "cpu");
    gather_number(g, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.count"), cpulist_count(&here), STR(""));
    if (!online || !treefile_value(online).len || !cpulist_read(&on, treefile_value(online)))
        return;
    cpulist_remove(&here, &on);
    cpulist_print(&here, &text);
    if (text.len) {
        treefile_source(g, tree, online, "cpu");
        gather_text(g, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.offline"),
                    (struct str){text.p, text.len});
    }
    g->failed |= text.failed;
    buf_done(&text);
}

/* cpufreq/boost is 1 with turbo; intel_pstate/no_turbo is 0. */
static void boost(const struct tree *tree, struct gather *g)
{
    static const struct {
        const char *path, *on;
    } files[] = {{CPU_ROOT "cpufreq/boost", "1"}, {CPU_ROOT "intel_pstate/no_turbo", "0"}};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const struct tree_entry *entry = tree_find(tree, files[i].path);

        if (!entry)
            continue;
        treefile_source(g, tree, entry, "cpu");
        gather_flag(g, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.boost"),
                    str_is(treefile_value(entry), files[i].on));
        return;
    }
}

int cpu_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    enum { MICROCODE = 3 };
    /* The agent takes CPU 0's file alone; cpuinfo has all. */
    bool cpuinfo = tree_find(tree, "proc/cpuinfo") != NULL;
    struct common commons[] = {
        {.leaf = "cpufreq/scaling_governor", .path = "cpu.governor"},
        {.leaf = "cpufreq/scaling_driver", .path = "cpu.driver"},
        {.leaf = "cpufreq/energy_performance_preference", .path = "cpu.energy_preference"},
        [MICROCODE] = {.leaf = "microcode/version", .path = "cpu.microcode"},
    };
    const struct tree_entry *entries, *max = NULL;
    struct gather gather;
    int64_t max_khz = 0, cpu, khz;
    size_t count;

    entries = tree_under(tree, CPU_ROOT, &count);
    if (!entries)
        return 0;
    gather_init(&gather, node, 0);
    for (size_t i = 0; i < count; i++) {
        struct str name = str_skip(str_of(entries[i].path), sizeof(CPU_ROOT) - 1), leaf;
        struct str value = treefile_value(&entries[i]);

        if (str_starts(name, "vulnerabilities/") && value.len) {
            treefile_source(&gather, tree, &entries[i], "cpu");
            add_vulnerability(&gather, 1, str_skip(name, 16), value);
        } else if (per_cpu(name, &cpu, &leaf)) {
            for (size_t k = 0; k < ARRAY_LEN(commons); k++)
                if (str_is(leaf, commons[k].leaf) && !(cpuinfo && k == MICROCODE))
                    common_add(&commons[k], &entries[i]);
            if (str_is(leaf, "cpufreq/cpuinfo_max_freq") && str_to_i64(value, 10, &khz) == 0 &&
                khz > max_khz) {
                max_khz = khz;
                max = &entries[i];
            }
        }
    }
    for (size_t k = 0; k < ARRAY_LEN(commons); k++)
        common_fact(&commons[k], tree, &gather);
    if (max) {
        treefile_source(&gather, tree, max, "cpu");
        gather_number(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("cpu.max_mhz"), max_khz / 1000,
                      STR(""));
    }
    presence(tree, &gather);
    single_files(tree, &gather);
    boost(tree, &gather);
    idle_states(tree, &gather);
    return gather_done(&gather, err);
}
