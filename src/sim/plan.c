#include "sim/plan.h"

#include "base/str.h"
#include "job/job.h"
#include "sim/sim.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HOUR_S      3600.0
#define SILENCE_S   10.0  /* a lost host is noticed, as job->node_timeout_s says in real runs */
#define HEARTBEAT_S 86400 /* and by nothing else here, so that a plan is not made of heartbeats */
#define REPORTS     2000  /* of rank 0's step, in a whole run */
#define PLACES      64    /* nodes with ranks that are simulated: each stands for a share of all */
#define STEPS_MAX   1e7   /* of a run */
#define LOSSES_MAX  20000 /* of nodes, in a run */
#define TAIL        3.0   /* spares: the mean of losses under repair, and so many deviations */

double plan_daly(double write_s, double mtbf_s)
{
    double x = write_s / (2 * mtbf_s);

    return x < 1 ? sqrt(2 * write_s * mtbf_s) * (1 + sqrt(x) / 3 + x / 9) - write_s : mtbf_s;
}

/* Losses within a repair's time are Poisson: mean and deviations. */
static uint32_t spares_for(const struct plan *plan)
{
    double time_s = plan->repair_s > 0 ? plan->repair_s : plan->hours * HOUR_S;
    double mean = plan->nodes * time_s / plan->mtbf_s;

    return (uint32_t)ceil(mean + TAIL * sqrt(mean));
}

static int check_time(const char *what, double seconds, double min_s, double max_s, struct err *err)
{
    if (seconds >= min_s && seconds <= max_s)
        return 0;
    return err_set(err, -EINVAL, "%s can be %g s to %g s, not %g s", what, min_s, max_s, seconds);
}

static int check(const struct plan *plan, struct err *err)
{
    const struct {
        const char *what;
        double seconds, min_s, max_s;
    } times[] = {
        {"the whole time", plan->hours * HOUR_S, 60, 366 * 24 * HOUR_S},
        {"the time between failures of a node", plan->mtbf_s, 1, 1e12},
        {"a step", plan->step_s, plan->hours * HOUR_S / STEPS_MAX, plan->hours * HOUR_S},
        {"the time between checkpoints", plan->every_s, 0, 1e12},
        {"writing a checkpoint", plan->write_s, 0, plan->hours * HOUR_S},
        {"a start", plan->start_s, 0, plan->hours * HOUR_S},
        {"loading", plan->load_s, 0, plan->hours * HOUR_S},
        {"a repair", plan->repair_s, 0, 1e12},
    };
    double losses = plan->hours * HOUR_S * plan->nodes / plan->mtbf_s;
    int r = 0;

    if (plan->nodes < 1 || plan->nodes > PLAN_NODES_MAX)
        return err_set(err, -EINVAL, "a plan is for 1 to %d nodes", PLAN_NODES_MAX);
    if (plan->nproc < 1 || plan->nproc > PLAN_RANKS_MAX)
        return err_set(err, -EINVAL, "a node has 1 to %d ranks", PLAN_RANKS_MAX);
    if (plan->runs < 1 || plan->runs > PLAN_RUNS_MAX)
        return err_set(err, -EINVAL, "a plan takes 1 to %d seeds", PLAN_RUNS_MAX);
    if (plan->spares > PLAN_NODES_MAX)
        return err_set(err, -EINVAL, "a plan has at most %d spares", PLAN_NODES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(times) && r == 0; i++)
        r = check_time(times[i].what, times[i].seconds, times[i].min_s, times[i].max_s, err);
    if (r == 0 && losses > LOSSES_MAX)
        return err_set(err, -EINVAL,
                       "%.0f nodes would be lost: a plan takes at most %d, ask for "
                       "less time",
                       losses, LOSSES_MAX);
    return r;
}

static int simulate(const struct plan *plan, struct plan_row *row, struct err *err)
{
    struct job job;
    struct sim_config config;
    double least = 1, most = 0;

    job_init(&job);
    job.name = "plan";
    job.backend = "sim";
    job.nodes = job.min_nodes = job.ranks = plan->nodes < PLACES ? plan->nodes : PLACES;
    job.nproc = 1; /* ranks of a node live and die together */
    job.spares = row->spares;
    job.checkpoint = "/ckpt/step_*";
    job.node_timeout_s = HEARTBEAT_S;
    job.start_timeout_s = plan->hours * HOUR_S; /* too few nodes: it waits for repair */
    job.attempts_without_progress = INT32_MAX;
    config = (struct sim_config){.job = &job,
                                 .nodes = (uint32_t)job.nodes + row->spares,
                                 .latency_ms = 0.2,
                                 .clock_offset_ms = 5,
                                 .node_losses = HOUR_S / plan->mtbf_s,
                                 .nodes_each = (double)plan->nodes / (double)job.nodes,
                                 .node_repair_h = plan->repair_s / HOUR_S,
                                 .silence_s = SILENCE_S,
                                 .disk_ms = 1,
                                 .step_s = plan->step_s,
                                 .start_s = plan->start_s,
                                 .load_s = plan->load_s,
                                 .checkpoint_s = row->every_s,
                                 .checkpoint_write_s = plan->write_s,
                                 .report_s = plan->hours * HOUR_S / REPORTS,
                                 .hours = plan->hours};
    for (uint32_t i = 0; i < plan->runs; i++) {
        struct sim_result result;
        double all_s, effective;
        int r;

        config.seed = plan->seed + i;
        r = sim_run(&config, &result, err);
        if (r < 0)
            return r;
        all_s = result.hours * HOUR_S * plan->runs;
        effective = result.training_s / (result.hours * HOUR_S);
        least = fmin(least, effective);
        most = fmax(most, effective);
        row->effective += result.training_s / all_s;
        row->lost_progress += result.lost_progress_s / all_s;
        row->checkpoints += result.checkpoint_overhead_s / all_s;
        row->down += result.down_s / all_s;
        row->restarts += (double)(result.attempts - 1) / plan->runs;
        row->restart_s += result.attempts ? result.down_s / result.attempts / plan->runs : 0;
    }
    row->spread = most - least;
    return 0;
}

int plan_run(const struct plan *plan, struct plan_answer *answer, struct err *err)
{
    double every;
    int r = check(plan, err);

    if (r < 0)
        return r;
    *answer = (struct plan_answer){.failure_every_s = plan->mtbf_s / plan->nodes};
    answer->daly_s = plan_daly(plan->write_s, answer->failure_every_s);
    answer->spares = plan->spares < 0 ? spares_for(plan) : (uint32_t)plan->spares;
    every = plan->every_s > 0 ? plan->every_s : answer->daly_s;
    const struct plan_row rows[] = {
        {plan->every_s > 0 ? "as asked" : "best interval", every, answer->spares},
        {"best interval", answer->daly_s, answer->spares},
        {"twice as often", every / 2, answer->spares},
        {"half as often", every * 2, answer->spares},
        {"no spares", every, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct plan_row *row = &answer->rows[answer->count];

        if ((i == 1 && plan->every_s <= 0) || (i == ARRAY_LEN(rows) - 1 && !answer->spares))
            continue;
        *row = rows[i];
        r = simulate(plan, row, err);
        if (r < 0)
            return r;
        answer->count++;
    }
    return 0;
}
