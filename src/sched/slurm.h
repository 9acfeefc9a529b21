/* sched/slurm - what Slurm tells a job about itself, and how one is submitted. */
#ifndef SCHED_SLURM_H
#define SCHED_SLURM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct slurm_allocation {
    const char *job_id;
    const char **nodes; /* from SLURM_JOB_NODELIST, in its order */
    uint32_t node_count;
    int64_t ends_at_s;      /* SLURM_JOB_END_TIME, Unix time; 0: not told (before Slurm 23.02) */
    uint32_t restart_count; /* SLURM_RESTART_COUNT */
};

/* Are we inside an allocation? 1 with *out, 0, or a negative errno with a sentence (a node list
 * that can't be read). `env` is getenv's twin for tests. */
int slurm_allocation(struct arena *arena, const char *(*env)(const char *name),
                     struct slurm_allocation *out, struct err *err);

/* Ask Slurm for the switches above these nodes, as place_order takes them. *groups stays as it was
 * where it knows none: a batch script is told so, and what scontrol can't tell is no reason not to
 * start. */
void slurm_ask_groups(struct arena *arena, const char *(*env)(const char *name),
                      const char *const *names, uint32_t count, const char *const **groups);

/* The switches above each node as a path "root/leaf", NULL where none is told, from the text of
 * `scontrol show topology`. Returns 0, -E2BIG or -ENOMEM. */
int slurm_topology(struct arena *arena, struct str text, const char *const *names, uint32_t count,
                   const char **groups);

/* Set in a job that slurm_submit made: the user's words for Slurm were sbatch's already. */
#define SLURM_SUBMITTED "FIRSTLIGHT_SUBMITTED"

/* sbatch's own words (NULL when there is no memory), and the script that it gets. Whole nodes, but
 * when the user's options say otherwise: ranks are no tasks of Slurm's. */
const char **slurm_submit_words(struct arena *arena, uint32_t nodes, double time_limit_s,
                                const char *const *options, size_t option_count);
void slurm_script(const char *const *words, struct buf *out);

/* srun's words for `command`, once on each of these nodes; NULL when there is no memory. */
const char **slurm_step_words(struct arena *arena, const char *const *names, uint32_t count,
                              const char *const *options, size_t option_count, const char *command);

/* Submit `words` (a firstlight command line) as a batch job whose first node runs it. Returns 0 and
 * the job's id. */
int slurm_submit(struct arena *arena, const char *const *words, uint32_t nodes, double time_limit_s,
                 const char *const *options, size_t option_count, const char **job_id,
                 struct err *err);

#endif
