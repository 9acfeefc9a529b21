/* probe/cpus - the cores that this process may use, and the NUMA nodes they belong to. */
#ifndef PROBE_CPUS_H
#define PROBE_CPUS_H

#include "base/arena.h"
#include "base/cpulist.h"
#include "base/err.h"

#define CPUS_NUMA_MAX 1024 /* Linux's largest MAX_NUMNODES */

struct numa {
    uint32_t number;     /* as the kernel counts */
    uint32_t *cores;     /* one CPU of each core, in rising order */
    size_t core_count;   /* > 0: a node without a CPU of ours (a GPU's memory) is left out */
    uint64_t cache;      /* bytes of the last-level caches of these cores; 0: not known */
    uint64_t free_bytes; /* memory that can be had; 0: not known */
};

struct cpus {
    uint32_t *cores; /* of all NUMA nodes */
    size_t core_count;
    struct numa *numas; /* one that is number 0 where the kernel knows of none */
    size_t numa_count;
};

/* The CPUs that this process is allowed. Returns 0 or a negative errno. */
int cpus_allowed(struct cpulist *out, struct err *err);

/* Of hardware threads that share a core the first allowed one is taken. `root` is in front of
 * /sys ("" on a live host). What sysfs does not say is filled in: each CPU is a core, all are of
 * one NUMA node. Everything lives in `arena`. Returns 0, or a negative errno with a sentence. */
int cpus_read(struct arena *arena, const char *root, const struct cpulist *allowed,
              struct cpus *out, struct err *err);

/* Both at once: what this process may use of this host. */
int cpus_here(struct arena *arena, struct cpus *out, struct err *err);

#endif
