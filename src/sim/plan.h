/* sim/plan - what would this policy give? The simulated cluster asked for planning.
 *
 * What a plan needs of a cluster is how often an attempt loses a node, and how many spares are left
 * then. So of many nodes 64 are simulated, each of which stands for its share and is lost so
 * much more often; spares are simulated one by one. Losses come at the same rate, and are replaced
 * from the same number of spares, as in the whole cluster. What a start costs at that size is not
 * simulated: --start and --load say it.
 *
 * Young's and Daly's best time between checkpoints is the formula's; what a policy gives is
 * simulated by the machines that run real jobs.
 * J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", 2006:
 * with write time w and mean time between failures M, w < 2M:
 * sqrt(2wM) (1 + sqrt(w / 2M) / 3 + (w / 2M) / 9) - w; else M. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PLAN_NODES_MAX 100000
#define PLAN_RANKS_MAX 1024
#define PLAN_RUNS_MAX  1000
#define PLAN_ROWS_MAX  6

struct plan {
    uint32_t nodes, nproc, runs;
    int64_t spares; /* -1: enough for the losses of a repair's time, and then some */
    uint64_t seed;
    double hours;
    double mtbf_s;                   /* of a node */
    double every_s;                  /* between checkpoints; 0: Daly's */
    double write_s, start_s, load_s; /* a checkpoint; a rank's start; loading */
    double repair_s;                 /* of a lost node; 0: never */
    double step_s;
};

/* Means over the seeds; shares of the whole time. */
struct plan_row {
    const char *name;
    double every_s;
    uint32_t spares;
    double effective, lost_progress, checkpoints, down;
    double restarts, restart_s; /* a run; time down per restart */
    double spread;              /* largest minus smallest effective */
};

struct plan_answer {
    double failure_every_s, daly_s;
    uint32_t spares;
    struct plan_row rows[PLAN_ROWS_MAX];
    size_t count;
};

double plan_daly(double write_s, double mtbf_s);

/* Returns 0, -EINVAL with a sentence, or -EPROTO (an invariant broke: a mistake of ours). */
int plan_run(const struct plan *plan, struct plan_answer *answer, struct err *err);

#endif
