/* train/train - the steps of a training run: the same bits on any number of ranks and threads,
 * whatever died on the way. docs/design/train.md tells how. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "coll/coll.h"
#include "kernels/exec.h"
#include "model/params.h"
#include "train/config.h"
#include "train/watch.h"

#include <stdbool.h>

struct train;

/* What a step did; the same on every rank. */
struct train_step {
    int64_t step; /* done, counted from 1 */
    double loss;  /* mean over the step's targets, nats */
    double smooth_loss;
    double grad_norm, lr;
    uint64_t tokens;
    enum watch_verdict verdict; /* WATCH_APPLY, or why the step was not applied */
    double expert_worst,
        expert_best; /* least and most loaded expert, 1 is a fair share; 0: dense */
    int64_t dead_experts;
    double z_loss;
    double seconds;       /* of this step */
    double stall_seconds; /* of it, waiting for a checkpoint */
};

/* Who wants to know; calls may be NULL. */
struct train_events {
    void *arg;
    /* all is open and resumed: the run begins behind `step` */
    void (*ready)(void *arg, const struct params *params, const struct exec *exec, int64_t step,
                  uint64_t data_tokens);
    void (*step)(void *arg, const struct train_step *step);
    /* a line for the log: kind "spike", "dead_expert", "checkpoint_failed", "resume" ... */
    void (*note)(void *arg, const char *kind, const char *text);
    void (*hash)(void *arg, int64_t step, uint64_t hash);
    void (*valid)(void *arg, int64_t step, double loss, double bits_per_byte);
    void (*sample)(void *arg, int64_t step, const char *text);
    void (*saved)(void *arg, const char *path, int64_t step, double seconds, double stall_seconds);
    /* 0 go on, 1 save and leave, 2 save and go on: as firstlight_should_stop */
    int (*stop)(void *arg);
};

struct train_summary {
    int64_t step;  /* last done */
    double loss;   /* NaN when there was no step */
    uint64_t hash; /* of the weights */
    double seconds, stall_seconds;
    uint64_t tokens;
    uint64_t skipped;
    bool stopped; /* it was asked to leave before its last step */
};

#define TRAIN_FROM_SCRATCH "none"

/* Open data, model and checkpoint (`resume`: one, a folder of them, TRAIN_FROM_SCRATCH, or NULL:
 * the newest in the output folder, if any), take all memory, and train to the last step. `coll` is
 * the caller's. Returns 0 or a negative errno (-EINVAL: the request; -ECONNRESET: a peer died;
 * ...). */
int train_run(const struct train_config *config, const char *resume, struct coll *coll,
              const struct train_events *events, struct train_summary *summary, struct err *err);

#endif
