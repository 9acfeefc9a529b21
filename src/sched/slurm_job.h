/* sched/slurm_job - one job as `scontrol show job` tells of it. */
#ifndef SCHED_SLURM_JOB_H
#define SCHED_SLURM_JOB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct slurm_job {
    struct str state, reason; /* "PENDING", "Resources"; empty: not told */
    const char *output;       /* file of the batch script's output; NULL: none */
    int64_t ends_at_s;        /* Unix time; 0: no limit, or not known */
    uint32_t restarts;
    int exit_code; /* of the batch script; 128 and the signal when one ended it */
};

/* Times are in this process's time zone, as scontrol prints them. Texts are in `text` and `arena`.
 * Returns 0, -EINVAL (no job in there) or -ENOMEM. */
int slurm_job_read(struct arena *arena, struct str text, struct slurm_job *out);

/* Ask Slurm; blocks, for 30 s at most. Returns 0 or a negative errno with a sentence. */
int slurm_job_ask(struct arena *arena, const char *id, struct slurm_job *out, struct err *err);

/* Will nothing more come of it? A job that is queued again has not ended. */
bool slurm_job_ended(const struct slurm_job *job);

/* Put our own job back in the queue: Slurm ends it here, and starts it again when it can. */
int slurm_job_requeue(struct arena *arena, const char *id, struct err *err);

#endif
