#include "probe/cpus.h"

#include "base/file.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SYS_TEXT_MAX ((size_t)64 << 10) /* of one file */
#define PATH_SPACE   512

int cpus_allowed(struct cpulist *out, struct err *err)
{
    size_t bytes = CPU_ALLOC_SIZE(CPULIST_CPUS_MAX);
    cpu_set_t *set = CPU_ALLOC(CPULIST_CPUS_MAX);
    int r = 0;

    *out = (struct cpulist){0};
    if (!set)
        return err_set(err, -ENOMEM, "no memory for a set of CPUs");
    if (sched_getaffinity(0, bytes, set) < 0)
        r = err_set(err, -errno, "the CPUs of this process can't be read: %m");
    for (int cpu = 0; r == 0 && cpu < CPULIST_CPUS_MAX; cpu++)
        if (CPU_ISSET_S((size_t)cpu, bytes, set))
            (void)cpulist_add(out, cpu);
    CPU_FREE(set);
    return r;
}

/* A file below `root`, without blanks at its ends; empty when there is none. The caller frees *p.
 */
__attribute__((format(printf, 3, 4))) static struct str sys_text(char **p, const char *root,
                                                                 const char *format, ...)
{
    char path[PATH_SPACE];
    size_t len;
    va_list args;
    int at = snprintf(path, sizeof(path), "%s/sys/devices/system/", root);

    *p = NULL;
    if (at < 0 || (size_t)at >= sizeof(path))
        return STR("");
    va_start(args, format);
    (void)vsnprintf(path + at, sizeof(path) - (size_t)at, format, args);
    va_end(args);
    if (file_read(path, SYS_TEXT_MAX, p, &len, NULL) < 0)
        return STR("");
    return str_trim((struct str){*p, len});
}

/* False when there is no such file, or none with a list in it. */
static bool read_list(struct cpulist *out, struct str text)
{
    *out = (struct cpulist){0};
    return text.len > 0 && cpulist_read(out, text);
}

static uint32_t first_of(const struct cpulist *list, const struct cpulist *allowed)
{
    for (uint32_t cpu = 0; cpu < CPULIST_CPUS_MAX; cpu++)
        if (cpulist_has(list, cpu) && cpulist_has(allowed, cpu))
            return cpu;
    return CPULIST_CPUS_MAX;
}

static bool is_first_of_core(const char *root, const struct cpulist *allowed, uint32_t cpu)
{
    struct cpulist siblings;
    char *text;
    bool first =
        !read_list(&siblings, sys_text(&text, root, "cpu/cpu%u/topology/thread_siblings_list",
                                       (unsigned)cpu)) ||
        first_of(&siblings, allowed) == cpu;

    free(text);
    return first;
}

static void find_cores(const char *root, const struct cpulist *allowed, struct cpus *out)
{
    for (uint32_t cpu = 0; cpu < CPULIST_CPUS_MAX; cpu++)
        if (cpulist_has(allowed, cpu) && is_first_of_core(root, allowed, cpu))
            out->cores[out->core_count++] = cpu;
}

/* "32768K", "16M" */
static uint64_t read_size(struct str text)
{
    struct str digits = str_digits(&text, 10);
    uint64_t size;

    if (str_to_u64(digits, 10, &size) < 0 || size > UINT64_MAX >> 30)
        return 0;
    return text.len && *text.p == 'K' ? size << 10 : text.len && *text.p == 'M' ? size << 20 : size;
}

/* Bytes of the cache of that level which `cpu` is the first of our cores to share; 0: another is,
 * or there is no such cache. *known says whether there is one. */
static uint64_t cache_at(const char *root, const struct cpulist *ours, uint32_t cpu, int index,
                         bool *known)
{
    struct cpulist sharers;
    uint64_t bytes = 0;
    char *text;

    *known = read_list(&sharers, sys_text(&text, root, "cpu/cpu%u/cache/index%d/shared_cpu_list",
                                          (unsigned)cpu, index));
    free(text);
    if (*known && first_of(&sharers, ours) == cpu) {
        bytes =
            read_size(sys_text(&text, root, "cpu/cpu%u/cache/index%d/size", (unsigned)cpu, index));
        free(text);
    }
    return bytes;
}

/* L3, or L2 where that is the last. */
static uint64_t cache_of(const char *root, const struct cpulist *ours, const struct numa *numa)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < numa->core_count; i++) {
        bool known = false;

        for (int index = 3; index >= 2 && !known; index--)
            bytes += cache_at(root, ours, numa->cores[i], index, &known);
    }
    return bytes;
}

/* What is free, and what files that nobody writes to hold: the kernel gives that at once. */
static uint64_t free_of(const char *root, uint32_t number)
{
    static const char *const keys[] = {"MemFree:", "Active(file):", "Inactive(file):"};
    struct str line, word, key;
    uint64_t kb = 0;
    char *text;
    struct str rest = sys_text(&text, root, "node/node%u/meminfo", (unsigned)number);

    while (str_line(&rest, &line)) { /* "Node 0 MemFree:        19012348 kB" */
        uint64_t more;

        if (!str_word(&line, &word) || !str_word(&line, &word) || !str_word(&line, &key))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_is(key, keys[i]) && str_word(&line, &word) &&
                str_to_u64(word, 10, &more) == 0 && more < UINT64_MAX >> 12)
                kb += more;
    }
    free(text);
    return kb << 10;
}

/* The cores of `here` as the next NUMA node; none when it has no core of ours. */
static void add_numa(const char *root, uint32_t number, const struct cpulist *here,
                     struct cpus *out, uint32_t **room)
{
    struct numa numa = {.number = number, .cores = *room};
    struct cpulist ours = {0};

    for (size_t i = 0; i < out->core_count; i++)
        if (cpulist_has(here, out->cores[i])) {
            numa.cores[numa.core_count++] = out->cores[i];
            (void)cpulist_add(&ours, out->cores[i]);
        }
    if (!numa.core_count)
        return;
    *room += numa.core_count;
    numa.cache = cache_of(root, &ours, &numa);
    numa.free_bytes = free_of(root, number);
    out->numas[out->numa_count++] = numa;
}

/* The NUMA node's CPUs; false where there is no such node, or none with CPUs. */
static bool cpus_of(const char *root, uint32_t number, struct cpulist *out)
{
    char *text;
    bool found = read_list(out, sys_text(&text, root, "node/node%u/cpulist", (unsigned)number));

    free(text);
    return found;
}

int cpus_read(struct arena *arena, const char *root, const struct cpulist *allowed,
              struct cpus *out, struct err *err)
{
    size_t count = cpulist_count(allowed);
    struct cpulist nodes, here, taken = {0};
    uint32_t *room;
    char *text;

    *out = (struct cpus){0};
    if (count == 0)
        return err_set(err, -EINVAL, "there is no CPU that this process may use");
    out->cores = arena_alloc(arena, count * sizeof(*out->cores));
    out->numas = arena_alloc(arena, CPUS_NUMA_MAX * sizeof(*out->numas));
    room = arena_alloc(arena, count * sizeof(*room));
    if (!out->cores || !out->numas || !room)
        return err_set(err, -ENOMEM, "no memory for the list of CPUs");
    find_cores(root, allowed, out);
    if (read_list(&nodes, sys_text(&text, root, "node/online")))
        for (uint32_t number = 0; number < CPUS_NUMA_MAX; number++)
            if (cpulist_has(&nodes, number) && cpus_of(root, number, &here)) {
                cpulist_remove(&here, &taken); /* a CPU is of one NUMA node, whatever is said */
                add_numa(root, number, &here, out, &room);
                for (size_t i = 0; i < ARRAY_LEN(taken.bits); i++)
                    taken.bits[i] |= here.bits[i];
            }
    free(text);
    if (out->numa_count == 0)
        add_numa(root, 0, allowed, out, &room);
    return 0;
}

int cpus_here(struct arena *arena, struct cpus *out, struct err *err)
{
    struct cpulist allowed;
    int r = cpus_allowed(&allowed, err);

    return r == 0 ? cpus_read(arena, "", &allowed, out, err) : r;
}
