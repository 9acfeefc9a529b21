/* sched/slurm - what Slurm tells a job about itself, and how one is submitted. */
#ifndef SCHED_SLURM_H
#define SCHED_SLURM_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct slurm_allocation {
    const char *job_id;
    const char **nodes; /* from SLURM_JOB_NODELIST, in its order */
    uint32_t node_count;
    int64_t ends_at_s;      /* Unix time; 0: not known */
    uint32_t restart_count; /* SLURM_RESTART_COUNT */
    const char **topology;  /* SLURM_TOPOLOGY_ADDR is of one node only: from `scontrol show topo`
                               where it is there; else NULL */
};

/* Are we inside an allocation? 1 with *out, 0, or a negative errno with a sentence (a node list
 * that can't be read). `env` is getenv's twin for tests. */
int slurm_allocation(struct arena *arena, const char *(*env)(const char *name),
                     struct slurm_allocation *out, struct err *err);

/* Submit `words` (a firstlight command line) as a batch job whose first node runs it. Returns 0 and
 * the job's id. */
int slurm_submit(struct arena *arena, const char *const *words, uint32_t nodes, double time_limit_s,
                 const char *const *options, size_t option_count, const char **job_id,
                 struct err *err);

#endif
