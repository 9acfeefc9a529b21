/* Seeds of the simulation: whatever dies, the invariants hold. FIRSTLIGHT_SIM_SEEDS says how many
 * seeds (300); FIRSTLIGHT_SIM_FIRST where to begin, to replay one. */
#include "sim/sim.h"

#include "base/rng.h"
#include "base/str.h"
#include "sim/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEDS       300
#define REPEAT_EACH 50 /* every so many seeds a run is repeated: the same to the last message */

static double one_of(struct rng *rng, double a, double b, double c)
{
    const double values[] = {a, b, c};

    return values[rng_below(rng, 3)];
}

/* How often something makes an attempt fail, an hour. */
static double failures_of(const struct sim_config *config)
{
    double nodes = config->nodes, timeout_s = config->job->node_timeout_s;

    return config->rank_crashes * (double)config->job->ranks +
           (config->node_losses + config->agent_kills + config->agent_restarts) * nodes +
           (config->partition_s * 1.5 > timeout_s / 2 ? config->partitions : 0) +
           (config->stall_s > timeout_s / 2 ? config->stalls * nodes : 0);
}

/* Where there is time between failures to come further than before: so long at most without a new
 * step, or the run has ended. */
static double idle_of(const struct sim_config *config)
{
    double again_s = 2 * config->job->node_timeout_s + config->start_s + config->load_s +
                     config->checkpoint_s + config->checkpoint_write_s;

    again_s += config->disk_full > 0 ? config->disk_full_s : 0;
    again_s += config->controller_kills > 0 ? config->controller_restart_s : 0;
    again_s += config->partitions > 0 ? config->partition_s : 0;
    again_s += config->node_losses > 0 ? config->node_repair_h * 3600 : 0;
    return failures_of(config) * again_s < 0.2 * 3600 ? 1 : 0;
}

/* A cluster and its misfortunes, all from the seed. */
static void make(uint64_t seed, struct job *job, struct sim_config *config)
{
    struct rng rng = {seed * 7919};

    job_init(job);
    job->nodes = 1 + (int64_t)rng_below(&rng, 8);
    job->spares = (int64_t)rng_below(&rng, 3);
    job->nproc = 1 + (int64_t)rng_below(&rng, 4);
    job->ranks = job->nodes * job->nproc;
    job->min_nodes = rng_below(&rng, 2) ? 1 : job->nodes;
    job->backend = "fake";
    job->name = "sim";
    job->checkpoint = rng_below(&rng, 4) ? "/ckpt/step_*" : NULL;
    job->attempts_without_progress = (int64_t)one_of(&rng, -1, -1, 10);
    job->time_limit_s = one_of(&rng, 0, 0, 3600);
    job->checkpoint_every_s = one_of(&rng, 0, 0, 120);
    *config = (struct sim_config){
        .seed = seed,
        .job = job,
        .nodes = (uint32_t)(job->nodes + job->spares),
        .latency_ms = one_of(&rng, 0.1, 1, 20),
        .jitter_ms = one_of(&rng, 0, 1, 50),
        .link_breaks = one_of(&rng, 0, 0.5, 10),
        .partitions = one_of(&rng, 0, 0.5, 4),
        .partition_s = one_of(&rng, 1, 15, 900),
        .stalls = one_of(&rng, 0, 0.5, 5),
        .stall_s = one_of(&rng, 1, 8, 30),
        .rivals = one_of(&rng, 0, 0, 0.2),
        .clock_offset_ms = one_of(&rng, 0, 5, 10000),
        .rank_crashes = one_of(&rng, 0, 0.1, 1),
        .node_losses = one_of(&rng, 0, 0.05, 0.5),
        .node_repair_h = one_of(&rng, 0.02, 0.1, 0.2),
        .agent_kills = one_of(&rng, 0, 0.1, 2),
        .agent_restarts = one_of(&rng, 0, 0.1, 2),
        .controller_kills = one_of(&rng, 0, 1, 10),
        .controller_restart_s = one_of(&rng, 0.1, 5, 60),
        .disk_ms = one_of(&rng, 0.1, 5, 100),
        .disk_full = one_of(&rng, 0, 0.5, 2),
        .disk_full_s = one_of(&rng, 1, 10, 60),
        .step_s = one_of(&rng, 0.5, 2, 5),
        .start_s = one_of(&rng, 0, 1, 20),
        .load_s = one_of(&rng, 0, 1, 20),
        .checkpoint_s = one_of(&rng, 10, 60, 300),
        .checkpoint_write_s = one_of(&rng, 0, 1, 10),
        .report_s = 1,
        .steps_total = rng_below(&rng, 3) ? 500 : 0,
        .saves = one_of(&rng, 0, 2, 20),
        .stops = one_of(&rng, 0, 0, 0.5),
        .kills = one_of(&rng, 0, 0, 0.1),
        .find_failures = one_of(&rng, 0, 0, 0.05),
        .spawn_failures = one_of(&rng, 0, 0, 0.05),
        .ignores_sigterm = one_of(&rng, 0, 0.1, 1),
        .hours = 2,
        .checks = true,
    };
    config->idle_h_max = idle_of(config);
}

/* The same for ranks that have nothing to do with each other. No fault keeps such a run from its
 * end: nothing is started again. */
static void make_independent(uint64_t seed, struct job *job, struct sim_config *config)
{
    struct rng rng = {seed * 104729};

    make(seed, job, config);
    job->independent = true;
    job->checkpoint = NULL;
    job->time_limit_s = 0;
    job->checkpoint_every_s = 0;
    job->attempts_without_progress = -1;
    config->work_s = one_of(&rng, 5, 120, 1200);
    config->idle_h_max = 1;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;

    return text && str_to_u64(str_of(text), 10, &value) == 0 ? value : otherwise;
}

struct sums {
    uint64_t count, ended, watched, well, attempts, swaps, adoptions;
};

static struct sums run_seeds(void (*make_one)(uint64_t seed, struct job *job,
                                              struct sim_config *config),
                             uint64_t count)
{
    uint64_t first = number_of("FIRSTLIGHT_SIM_FIRST", 1);
    struct sums sums = {.count = count};

    for (uint64_t seed = first; seed < first + count; seed++) {
        struct job job;
        struct sim_config config;
        struct sim_result result = {0}, again = {0};
        struct err err = {0};

        make_one(seed, &job, &config);
        if (sim_run(&config, &result, &err) < 0)
            fail_msg("%s", err.text);
        sums.ended += result.exit_code >= 0;
        sums.well += result.exit_code == 0;
        sums.watched += config.idle_h_max > 0;
        sums.attempts += result.attempts;
        sums.swaps += result.swaps;
        sums.adoptions += result.adoptions;
        if (seed % REPEAT_EACH)
            continue;
        assert_int_equal(sim_run(&config, &again, &err), 0);
        assert_memory_equal(&result, &again, sizeof(result));
    }
    print_message("%llu seeds: %llu ended, %llu well, %llu watched for progress, %llu attempts, "
                  "%llu swaps, %llu controllers\n",
                  (unsigned long long)sums.count, (unsigned long long)sums.ended,
                  (unsigned long long)sums.well, (unsigned long long)sums.watched,
                  (unsigned long long)sums.attempts, (unsigned long long)sums.swaps,
                  (unsigned long long)sums.adoptions);
    return sums;
}

static void test_invariants_hold_for_every_seed(void **state)
{
    uint64_t count = number_of("FIRSTLIGHT_SIM_SEEDS", SEEDS);
    struct sums sums = run_seeds(make, count);

    (void)state;
    if (count >= SEEDS) { /* the seeds do reach what they are for */
        assert_true(sums.ended > count / 10);
        assert_true(sums.watched > count / 20);
        assert_true(sums.attempts > 2 * count);
        assert_true(sums.swaps > 0);
        assert_true(sums.adoptions > count);
    }
}

static void test_independent_ranks_end_one_by_one(void **state)
{
    uint64_t count = (number_of("FIRSTLIGHT_SIM_SEEDS", SEEDS) + 2) / 3;
    struct sums sums = run_seeds(make_independent, count);

    (void)state;
    assert_true(sums.attempts <= count);
    assert_int_equal(sums.ended, count);
    if (count >= SEEDS / 3) {
        assert_true(sums.well > count / 10 && sums.well < count - count / 10);
        assert_true(sums.adoptions > count);
    }
}

static void test_a_calm_cluster_trains_to_the_end(void **state)
{
    struct job job;
    struct sim_config config;
    struct sim_result result;
    struct err err = {0};

    (void)state;
    job_init(&job);
    job.nodes = 4;
    job.nproc = 2;
    job.ranks = 8;
    job.min_nodes = 4;
    job.backend = "fake";
    job.name = "calm";
    config = (struct sim_config){.seed = 1,
                                 .job = &job,
                                 .nodes = 4,
                                 .latency_ms = 1,
                                 .disk_ms = 1,
                                 .step_s = 1,
                                 .start_s = 1,
                                 .checkpoint_s = 60,
                                 .report_s = 1,
                                 .steps_total = 300,
                                 .hours = 1,
                                 .checks = true};
    if (sim_run(&config, &result, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(result.attempts, 1);
    assert_int_equal(result.steps_kept, 300);
    assert_true(result.hours * 3600 < 310);
}

static void test_the_queue_keeps_order(void **state)
{
    struct sim_queue queue = {0};
    struct rng rng = {3};
    struct sim_event event;
    int64_t last = -1;
    uint64_t order = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        event = (struct sim_event){.at_ns = (int64_t)rng_below(&rng, 50)};
        assert_int_equal(sim_queue_put(&queue, &event), 0);
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(sim_queue_take(&queue, &event));
        assert_true(event.at_ns > last || (event.at_ns == last && event.order > order));
        last = event.at_ns;
        order = event.order;
    }
    assert_false(sim_queue_take(&queue, &event));
    sim_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_queue_keeps_order),
        cmocka_unit_test(test_a_calm_cluster_trains_to_the_end),
        cmocka_unit_test(test_invariants_hold_for_every_seed),
        cmocka_unit_test(test_independent_ranks_end_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
