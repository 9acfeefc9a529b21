/* What plans give, against published formulas.
 * ctest labels: slow */
#include "sim/plan.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY_S 86400.0

/* Daly's complete model, of which his estimate is the minimum: the wall clock time for a second of
 * work, with failures while writing and restarting too. */
static double wall_s(double every_s, double write_s, double restart_s, double mtbf_s)
{
    return mtbf_s * exp(restart_s / mtbf_s) * (exp((every_s + write_s) / mtbf_s) - 1) / every_s;
}

static double best_by_search(double write_s, double mtbf_s)
{
    double best = 1;

    for (double every_s = 1; every_s < 2 * mtbf_s; every_s *= 1.0005)
        if (wall_s(every_s, write_s, 0, mtbf_s) < wall_s(best, write_s, 0, mtbf_s))
            best = every_s;
    return best;
}

static void test_daly_is_the_best_of_the_complete_model(void **state)
{
    static const struct {
        double write_s, mtbf_s;
    } cases[] = {{300, DAY_S}, {20, 325}, {20, 8000}, {1, 3600}, {600, 4 * 3600}, {60, 600}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double write_s = cases[i].write_s, mtbf_s = cases[i].mtbf_s;
        double daly_s = plan_daly(write_s, mtbf_s), best_s = best_by_search(write_s, mtbf_s);

        assert_true(fabs(daly_s - best_s) < 0.01 * best_s);
        assert_true(wall_s(daly_s, write_s, 0, mtbf_s) <
                    1.0001 * wall_s(best_s, write_s, 0, mtbf_s));
    }
    /* 5 minutes to write and a failure a day: Young says two hours less the writing. */
    assert_true(fabs(plan_daly(300, DAY_S) - 7001) < 1);
    assert_true(plan_daly(300, 100) == 100); /* writing takes longer than a machine lives */
    assert_true(plan_daly(0, 3600) == 0);
}

static struct plan plan_of(uint32_t nodes)
{
    return (struct plan){.nodes = nodes,
                         .nproc = 8,
                         .runs = 10,
                         .spares = -1,
                         .seed = 1,
                         .hours = 24,
                         .mtbf_s = 47.7 * DAY_S,
                         .write_s = 20,
                         .start_s = 30,
                         .load_s = 60,
                         .repair_s = 4 * 3600,
                         .step_s = 5};
}

static const struct plan_row *first_row(const struct plan *plan, struct plan_answer *answer)
{
    struct err err = {0};

    if (plan_run(plan, answer, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < answer->count; i++) {
        const struct plan_row *row = &answer->rows[i];

        assert_true(fabs(row->effective + row->lost_progress + row->checkpoints + row->down - 1) <
                    1e-3);
    }
    return &answer->rows[0];
}

/* E[ETTR] = (1 - N r (u + d/2)) / (1 + w/d), arXiv 2410.21680; u: 10 s until the silence is
 * noticed, start and load. */
static void test_a_middling_cluster_gives_what_the_published_formula_says(void **state)
{
    struct plan plan = plan_of(500);
    struct plan_answer answer;
    const struct plan_row *row;
    double restart_s = 10 + plan.start_s + plan.load_s, d, formula;

    (void)state;
    plan.spares = 30; /* the formula has no waiting for them */
    row = first_row(&plan, &answer);
    d = row->every_s;
    formula = (1 - (restart_s + d / 2) / answer.failure_every_s) / (1 + plan.write_s / d);
    assert_true(fabs(row->effective - formula) < 0.015);
    assert_true(fabs(row->restarts - DAY_S / answer.failure_every_s) < 3);
    assert_true(fabs(row->restart_s - restart_s) < 5);
}

/* Where failures come so fast that the formula's first order is not enough: the complete model. */
static void test_a_hundred_thousand_ranks_give_what_the_complete_model_says(void **state)
{
    struct plan plan = plan_of(12500);
    struct plan_answer answer;
    const struct plan_row *row;
    double restart_s = 10 + plan.start_s + plan.load_s, model;

    (void)state;
    plan.runs = 1;
    row = first_row(&plan, &answer);
    model = 1 / wall_s(row->every_s, plan.write_s, restart_s, answer.failure_every_s);
    assert_true(fabs(row->effective - model) < 0.03);
}

/* The same failures, simulated node by node and as fewer nodes that stand for many. */
static void test_nodes_that_stand_for_many_change_nothing(void **state)
{
    struct plan small = plan_of(50), large = plan_of(2000);
    struct plan_answer one, many;

    (void)state;
    large.step_s = small.step_s = 10;
    small.mtbf_s = large.mtbf_s / 40;
    small.spares = large.spares = 20;
    small.runs = large.runs = 2;
    assert_true(fabs(first_row(&small, &one)->effective - first_row(&large, &many)->effective) <
                0.015);
}

static void test_without_failures_only_saving_and_the_start_cost_time(void **state)
{
    struct plan plan = plan_of(10);
    struct plan_answer answer;
    const struct plan_row *row;

    (void)state;
    plan.mtbf_s = 1e12;
    plan.every_s = 580;
    plan.runs = 1;
    row = first_row(&plan, &answer);
    assert_true(row->restarts == 0 && row->lost_progress < 1e-9);
    assert_true(fabs(row->checkpoints - 20.0 / 600) < 0.001);
    assert_true(fabs(row->down - 90 / DAY_S) < 0.0005);
    assert_string_equal(row->name, "as asked");
    assert_string_equal(answer.rows[1].name, "best interval");
}

static void test_bad_plans_are_refused_with_a_sentence(void **state)
{
    static const struct {
        size_t offset;
        double value;
        const char *says;
    } cases[] = {
        {offsetof(struct plan, hours), 0, "the whole time can be 60 s to"},
        {offsetof(struct plan, hours), NAN, "the whole time can be 60 s to"},
        {offsetof(struct plan, hours), INFINITY, "the whole time can be 60 s to"},
        {offsetof(struct plan, mtbf_s), 0, "the time between failures of a node can be 1 s to"},
        {offsetof(struct plan, mtbf_s), 60, "2880000 nodes would be lost: a plan takes at most"},
        {offsetof(struct plan, step_s), 0, "a step can be"},
        {offsetof(struct plan, step_s), 1e9, "a step can be"},
        {offsetof(struct plan, write_s), -1, "writing a checkpoint can be 0 s to"},
        {offsetof(struct plan, start_s), 1e9, "a start can be 0 s to 86400 s, not 1e+09 s"},
    };
    struct plan_answer answer;
    struct err err = {0};
    struct plan plan;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plan = plan_of(2000);
        memcpy((char *)&plan + cases[i].offset, &cases[i].value, sizeof(double));
        assert_int_equal(plan_run(&plan, &answer, &err), -EINVAL);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s', not '%s'", err.text, cases[i].says);
    }
    plan = plan_of(0);
    assert_int_equal(plan_run(&plan, &answer, &err), -EINVAL);
    assert_string_equal(err.text, "a plan is for 1 to 100000 nodes");
    plan = plan_of(1);
    plan.nproc = UINT32_MAX;
    assert_int_equal(plan_run(&plan, &answer, &err), -EINVAL);
    plan = plan_of(1);
    plan.runs = 0;
    assert_int_equal(plan_run(&plan, &answer, &err), -EINVAL);
    plan = plan_of(1);
    plan.spares = INT64_MAX;
    assert_int_equal(plan_run(&plan, &answer, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_daly_is_the_best_of_the_complete_model),
        cmocka_unit_test(test_a_middling_cluster_gives_what_the_published_formula_says),
        cmocka_unit_test(test_a_hundred_thousand_ranks_give_what_the_complete_model_says),
        cmocka_unit_test(test_nodes_that_stand_for_many_change_nothing),
        cmocka_unit_test(test_without_failures_only_saving_and_the_start_cost_time),
        cmocka_unit_test(test_bad_plans_are_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
