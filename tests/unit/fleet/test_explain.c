#include "unit/fleet/machine.h"

#include "base/rng.h"
#include "fleet/symptom.h"

#include <math.h>

static struct explanation explain(const struct compared *c, const struct symptom *symptom)
{
    struct explanation out;

    assert_int_equal(fleet_explain(c->fleet, symptom, &out, NULL), 0);
    return out;
}

static const struct difference *cause_of(const struct compared *c, const struct explanation *e,
                                         uint32_t index)
{
    assert_true(index < e->cause_count);
    return &c->list[e->causes[index].difference];
}

/* 128 nodes: ACS on three, some other noise on others. */
static struct compared noisy_fleet(struct machine **out)
{
    struct machine *machines = alike(128);

    machines[10].redirect = machines[50].redirect = machines[90].redirect = true;
    for (int i = 0; i < 128; i += 5)
        machines[i].bios = "2.0";
    machines[20].narrow_gpu = 1;
    machines[21].read_request = machines[70].read_request = 512;
    machines[33].without_gpu = 2;
    *out = machines;
    return compare_of(machines, 128);
}

static void test_slow_nodes_with_wrong_labels_are_explained(void **state)
{
    static const uint32_t slow[] = {10, 17, 50, 71, 90, 101};
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct explanation e = explain(&c, &symptom);

    (void)state;
    assert_int_equal(e.explaining, 1);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_int_equal(e.causes[0].slow_with, 3);
    assert_int_equal(e.causes[0].slow_all, 6);
    assert_int_equal(e.causes[0].fast_with, 0);
    assert_int_equal(e.causes[0].fast_all, 122);
    assert_int_equal(e.causes[0].counter_examples.count, 0);
    assert_true(fabs(e.causes[0].p - 20.0 / 341376) < 1e-9); /* (6 choose 3) / (128 choose 3) */
    assert_true(e.causes[0].p_corrected >= e.causes[0].p);
    assert_int_equal(e.tried, c.count);
    fleet_free(c.fleet);
    free(machines);
}

static void test_a_carrier_that_is_fast_is_shown(void **state)
{
    static const uint32_t slow[] = {10, 50};
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct explanation e = explain(&c, &symptom);

    (void)state;
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_int_equal(e.explaining, 1);
    assert_set(e.causes[0].counter_examples, 90);
    fleet_free(c.fleet);
    free(machines);
}

static void test_nothing_visible_explains_random_nodes(void **state)
{
    static const uint32_t slow[] = {1, 44, 66};
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct explanation e = explain(&c, &symptom);

    (void)state;
    assert_int_equal(e.explaining, 0);
    assert_non_null(e.note);
    fleet_free(c.fleet);
    free(machines);
}

static void test_what_only_the_slow_node_has_is_likely(void **state)
{
    static const uint32_t slow[] = {1, 2, 3}, all[] = {0, 1, 2, 3};
    static const struct {
        const char *name;
        uint32_t slow, all, likely, left; /* nodes 1.. are slow; 0 is not unless all are */
    } cases[] = {
        {"one slow node has it", 1, 0, 1, 0},
        {"one of two slow nodes has it", 2, 0, 1, 1},
        {"no node is well", 0, 4, 0, 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct machine *machines = alike(4);
        struct symptom symptom = {
            .kind = SYMPTOM_SLOW,
            .slow = {cases[i].all ? all : slow, cases[i].all + cases[i].slow}};
        struct compared c;
        struct explanation e;

        machines[1].errors = true;
        c = compare_of(machines, 4);
        e = explain(&c, &symptom);
        assert_int_equal(e.explaining, 0);
        assert_int_equal(e.all_slow, cases[i].all == 4);
        assert_int_equal(e.likely_count, cases[i].likely);
        assert_int_equal(e.left.count, cases[i].left);
        if (e.likely_count)
            assert_ptr_equal(c.list[e.likely[0]->difference].cause, test_rule(RULE_ERRORS));
        fleet_free(c.fleet);
        free(machines);
    }
}

static void test_what_does_no_harm_or_is_on_a_fast_node_is_not_likely(void **state)
{
    static const uint32_t slow[] = {1};
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, 1}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct machine *machines = alike(4);
        struct compared c;
        struct explanation e;

        if (i)
            machines[1].bios = "2.0"; /* no rule finds harm in it */
        else
            machines[1].errors = machines[2].errors = true;
        c = compare_of(machines, 4);
        e = explain(&c, &symptom);
        assert_true(c.count > 0);
        assert_int_equal(e.likely_count, 0);
        assert_set(e.left, 1);
        fleet_free(c.fleet);
        free(machines);
    }
}

/* No node can show by itself that its rule is broken. */
static void test_what_can_only_differ_is_likely_where_it_does(void **state)
{
    static const uint32_t slow[] = {1};
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, 1}};
    struct machine *machines = alike(4);
    struct compared c;
    struct explanation e;

    (void)state;
    machines[1].redirect = true;
    c = compare_of(machines, 4);
    e = explain(&c, &symptom);
    assert_int_equal(e.explaining, 0);
    assert_int_equal(e.likely_count, 1);
    assert_ptr_equal(c.list[e.likely[0]->difference].cause, test_rule(RULE_ACS));
    fleet_free(c.fleet);
    free(machines);
}

static void test_equal_numbers_make_no_node_slow(void **state)
{
    static const double value[] = {372, 372, 372, 372};
    struct symptom symptom = {.kind = SYMPTOM_METRIC, .value = value};
    struct machine *machines = alike(4);
    struct compared c;
    struct explanation e;

    (void)state;
    machines[1].errors = true;
    c = compare_of(machines, 4);
    e = explain(&c, &symptom);
    assert_true(e.none_slow);
    assert_false(e.all_slow);
    assert_int_equal(e.likely_count, 0);
    fleet_free(c.fleet);
    free(machines);
}

static void test_a_metric_is_explained_by_ranks(void **state)
{
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    struct rng rng = {7};
    double value[128];
    struct symptom symptom = {.kind = SYMPTOM_METRIC, .value = value};
    struct explanation e;

    (void)state;
    for (int i = 0; i < 128; i++)
        value[i] = 390 + 4 * rng_unit(&rng);
    value[10] = 210;
    value[50] = 205;
    value[90] = 200;
    value[3] = NAN;
    e = explain(&c, &symptom);
    assert_int_equal(e.explaining, 1);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_set(e.slow, 10, 50, 90);
    assert_true(e.causes[0].effect < -180);
    assert_int_equal(e.causes[0].slow_with, 3);
    assert_int_equal(e.causes[0].fast_all, 124);
    fleet_free(c.fleet);
    free(machines);
}

static void test_latency_is_slow_when_high(void **state)
{
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    double value[128];
    struct symptom symptom = {.kind = SYMPTOM_METRIC, .value = value, .higher_is_slower = true};
    struct explanation e;

    (void)state;
    for (int i = 0; i < 128; i++)
        value[i] = 2 + 0.001 * ((i * 37) % 128);
    value[10] = value[50] = 14;
    value[90] = 13;
    e = explain(&c, &symptom);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_int_equal(e.explaining, 1);
    assert_set(e.slow, 10, 50, 90);
    assert_true(e.causes[0].effect > 10);
    fleet_free(c.fleet);
    free(machines);
}

static void test_a_pair_is_slow_if_either_end_is(void **state)
{
    struct machine *machines;
    struct compared c = noisy_fleet(&machines);
    struct symptom_pair pairs[4 * 128];
    struct rng rng = {3};
    struct symptom symptom = {
        .kind = SYMPTOM_PAIRS, .pairs = pairs, .pair_count = ARRAY_LEN(pairs)};
    struct explanation e;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(pairs); i++) {
        uint32_t a = i % 128, b = (a + 1 + (uint32_t)rng_below(&rng, 127)) % 128;
        bool slow = machines[a].redirect || machines[b].redirect;

        pairs[i] = (struct symptom_pair){a, b, (slow ? 48 : 88) + rng_unit(&rng)};
    }
    e = explain(&c, &symptom);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_set(e.slow, 10, 50, 90);
    /* All three have the older BIOS as well, like 23 others. */
    assert_int_equal(e.explaining, 2);
    assert_int_equal(e.confounder_count, 1);
    assert_int_equal(e.causes[0].fast_with, 0);
    assert_int_equal(e.causes[0].slow_with, e.causes[0].slow_all);
    assert_true(e.causes[0].effect < -39 && e.causes[0].effect > -41);
    fleet_free(c.fleet);
    free(machines);
}

/* nccl-tests#106: bus bandwidths of pairs of nodes. */
static void test_the_slow_end_of_pairs_is_named(void **state)
{
    struct machine machines[] = {
        machine_of("n641"), machine_of("n644"), machine_of("n699"), machine_of("n632"),
        machine_of("n404"), machine_of("n284"), machine_of("n678"),
    };
    static const struct symptom_pair pairs[] = {
        {0, 1, 49}, {1, 2, 49.5}, {3, 0, 88}, {4, 2, 88.3}, {5, 6, 48.8},
    };
    struct symptom symptom = {
        .kind = SYMPTOM_PAIRS, .pairs = pairs, .pair_count = ARRAY_LEN(pairs)};
    struct compared c;
    struct explanation e;

    (void)state;
    machines[1].read_request = 512;
    c = compare_of(machines, ARRAY_LEN(machines));
    e = explain(&c, &symptom);
    assert_set(e.slow, 1);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_READ_REQUEST));
    assert_int_equal(e.causes[0].slow_with, 2);
    assert_int_equal(e.causes[0].fast_with, 0);
    /* One of seven nodes: no more than a hint. */
    assert_int_equal(e.explaining, 0);
    assert_non_null(strstr(e.note, "of n284 and n678 one is slow"));
    fleet_free(c.fleet);
}

static void test_a_version_that_fits_too_is_a_confounder(void **state)
{
    static const uint32_t slow[] = {4, 5, 6, 7};
    struct machine *machines = alike(64);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct compared c;
    struct explanation e;

    (void)state;
    for (int i = 4; i < 8; i++)
        machines[i].redirect = true;
    for (int i = 4; i < 9; i++)
        machines[i].bios = "2.0";
    c = compare_of(machines, 64);
    e = explain(&c, &symptom);
    assert_int_equal(e.explaining, 2);
    assert_ptr_equal(cause_of(&c, &e, 0)->cause, test_rule(RULE_ACS));
    assert_int_equal(e.confounder_count, 1);
    assert_ptr_equal(c.list[e.confounders[0].difference].cause, test_rule(RULE_BIOS));
    assert_set(e.confounders[0].counter_examples, 8);
    fleet_free(c.fleet);
    free(machines);
}

static void test_the_good_side_may_be_the_minority(void **state)
{
    uint32_t slow[40];
    struct machine *machines = alike(64);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct compared c;
    struct explanation e;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        machines[i].redirect = true;
        slow[i] = i;
    }
    c = compare_of(machines, 64);
    e = explain(&c, &symptom);
    assert_int_equal(e.explaining, 1);
    assert_true(e.causes[0].majority_slow);
    assert_int_equal(e.causes[0].slow_with, 40);
    assert_int_equal(e.causes[0].fast_with, 0);
    fleet_free(c.fleet);
    free(machines);
}

static void test_slow_neighbours_are_noted(void **state)
{
    static const uint32_t slow[] = {24, 25, 26, 27, 30};
    static char names[64][16];
    struct machine *machines = alike(64);
    struct symptom symptom = {.kind = SYMPTOM_SLOW, .slow = {slow, ARRAY_LEN(slow)}};
    struct compared c;
    struct explanation e;

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "r%02u-n%u.site", i / 8, i % 8);
        machines[i].name = names[i];
    }
    c = compare_of(machines, 64);
    e = explain(&c, &symptom);
    assert_int_equal(e.explaining, 0);
    assert_non_null(strstr(e.note, "5 of the 8 at r03-n* are slow"));
    fleet_free(c.fleet);
    free(machines);
}

static void test_explaining_comes_after_comparing(void **state)
{
    struct machine *machines = alike(2);
    struct fleet *fleet = fleet_of(machines, 2);
    struct symptom symptom = {.kind = SYMPTOM_SLOW};
    struct explanation e;
    struct err err = {0};

    (void)state;
    assert_int_equal(fleet_explain(fleet, &symptom, &e, &err), -EINVAL);
    assert_string_equal(err.text, "compare the nodes before explaining them");
    fleet_free(fleet);
    free(machines);
}

static void test_names_fit_with_and_without_their_domain(void **state)
{
    static const char *const names[] = {"n2.cluster", "n0", "n0.cluster", "n9", "", "n1"};
    static const int64_t want[] = {2, 0, -1, -1, -1, 1}; /* a node is taken once */
    struct machine *machines = alike(3);
    struct fleet *fleet = fleet_of(machines, 3);
    int64_t nodes[ARRAY_LEN(names)];

    (void)state;
    assert_int_equal(symptom_match(fleet, names, ARRAY_LEN(names), nodes), 3);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(nodes[i], want[i]);
    fleet_free(fleet);
    free(machines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_fit_with_and_without_their_domain),
        cmocka_unit_test(test_slow_nodes_with_wrong_labels_are_explained),
        cmocka_unit_test(test_a_carrier_that_is_fast_is_shown),
        cmocka_unit_test(test_nothing_visible_explains_random_nodes),
        cmocka_unit_test(test_what_only_the_slow_node_has_is_likely),
        cmocka_unit_test(test_what_does_no_harm_or_is_on_a_fast_node_is_not_likely),
        cmocka_unit_test(test_what_can_only_differ_is_likely_where_it_does),
        cmocka_unit_test(test_equal_numbers_make_no_node_slow),
        cmocka_unit_test(test_a_metric_is_explained_by_ranks),
        cmocka_unit_test(test_latency_is_slow_when_high),
        cmocka_unit_test(test_a_pair_is_slow_if_either_end_is),
        cmocka_unit_test(test_the_slow_end_of_pairs_is_named),
        cmocka_unit_test(test_a_version_that_fits_too_is_a_confounder),
        cmocka_unit_test(test_the_good_side_may_be_the_minority),
        cmocka_unit_test(test_slow_neighbours_are_noted),
        cmocka_unit_test(test_explaining_comes_after_comparing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
