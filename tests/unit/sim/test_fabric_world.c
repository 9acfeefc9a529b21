/* The session and the model in a simulated network: what is planted is found and nothing else is
 * named; whatever happens to a probe, the test ends and keeps what it has.
 *
 * FIRSTLIGHT_FABRIC_SEEDS: how many networks of 512 nodes (3). */
#include "sim/fabric_world.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEDS     3
#define ALL_TESTS ((1u << TEST_COUNT) - 1)

static struct fabric_world_score score;

static struct fabric_result *run(const struct fabric_world_config *config)
{
    struct fabric_result *result = NULL;
    struct err err;

    if (fabric_world_run(config, &result, &score, &err) < 0)
        fail_msg("%s", err.text);
    return result;
}

/* Small fleets: every pair in both phases. */
static struct fabric_world_config small(uint32_t hosts)
{
    return (struct fabric_world_config){.seed = 1,
                                        .leaves = 1,
                                        .hosts_each = hosts,
                                        .spines = 1,
                                        .noise = 0.03,
                                        .options = {.tests = ALL_TESTS}};
}

static struct fabric_world_config large(uint64_t seed)
{
    return (struct fabric_world_config){
        .seed = seed,
        .leaves = 16,
        .hosts_each = 32,
        .spines = 16,
        .groups_told = true,
        .noise = 0.03,
        .options = {.tests = 1u << TEST_PAIRS, .seed = seed},
    };
}

static uint32_t seeds(void)
{
    const char *text = getenv("FIRSTLIGHT_FABRIC_SEEDS");

    return text ? (uint32_t)strtoul(text, NULL, 10) : SEEDS;
}

static void test_all_that_is_planted_is_found_in_a_part_of_the_pairs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct fabric_world_config config = large(seed);

        config.slow_nodes = 0.01;
        config.bad_cables = 0.001;
        config.bad_leaf = true;
        config.bad_join = seed % 3 == 0;
        config.hashed = seed % 2;
        result_free(run(&config));
        if (score.false_names)
            fail_msg("seed %u: %s", (unsigned)seed, score.false_words);
        for (uint32_t i = 0; i < score.fault_count; i++)
            if (!score.faults[i].found && !score.faults[i].hidden)
                fail_msg("seed %u: fault %u of kind %d is missed", (unsigned)seed, i,
                         score.faults[i].kind);
        assert_true(score.pairs_share <= 0.12);
        assert_true(score.fault_count >= 5);
    }
}

/* Few spines: a bad cable is half of what goes between any two leaves, and is no matter of two. */
static void test_what_joins_two_leaves_is_told_from_their_cables(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        for (int join = 0; join < 2; join++) {
            struct fabric_world_config config = {.seed = seed,
                                                 .leaves = 8,
                                                 .hosts_each = 4,
                                                 .spines = join ? 1 : 2,
                                                 .groups_told = true,
                                                 .hashed = seed % 2,
                                                 .noise = 0.03,
                                                 .bad_cables = join ? 0 : 0.001,
                                                 .bad_join = join,
                                                 .options = {.tests = 1u << TEST_PAIRS}};

            result_free(run(&config));
            if (strstr(score.false_words, "joins the two"))
                fail_msg("seed %u: %s", (unsigned)seed, score.false_words);
            for (uint32_t i = 0; i < score.fault_count && join; i++)
                assert_true(score.faults[i].found);
        }
}

static void test_nothing_is_named_where_nothing_is_wrong(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct fabric_world_config config = large(seed);

        config.groups_told = seed % 2;
        result_free(run(&config));
        if (score.false_names)
            fail_msg("seed %u: %s", (unsigned)seed, score.false_words);
        assert_true(score.pairs_share <= 0.12);
    }
}

static void test_every_pair_of_few_nodes_is_measured_in_both_phases(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 14; n++) {
        struct fabric_world_config config = small(n);
        static uint32_t seen[PAIR_PHASES][16][16];
        struct fabric_result *result = run(&config);

        memset(seen, 0, sizeof(seen));
        for (size_t i = 0; i < result->measures.count; i++) {
            const struct measure *m = &result->measures.items[i];

            if (m->metric->of_pair && strcmp(m->metric->name, "pair.bandwidth") == 0)
                seen[m->phase][m->node][m->peer]++;
        }
        for (int p = 0; p < PAIR_PHASES; p++)
            for (uint32_t a = 0; a < n; a++)
                for (uint32_t b = 0; b < n; b++)
                    assert_true(a == b ? seen[p][a][b] == 0 : seen[p][a][b] > 0);
        assert_true(result->whole);
        assert_int_equal(result->pairs_done, n * (n - 1) / 2);
        assert_int_equal(result->pairs_planned, n * (n - 1) / 2);
        assert_int_equal(score.false_names, 0);
        result_free(result);
    }
}

/* 28 pairs both ways in both phases, latency, node tests and clocks, as the probes take it. */
static void test_eight_hosts_take_less_than_a_minute(void **state)
{
    struct fabric_world_config config = small(8);

    (void)state;
    result_free(run(&config));
    assert_true(score.took_ms < 40000);
}

static void test_an_outlier_accuses_nobody(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fabric_world_config config = small(8);

        config.seed = seed;
        config.hiccups = 0.02;
        config.options.tests = 1u << TEST_PAIRS;
        result_free(run(&config));
        if (score.false_names)
            fail_msg("seed %u: %s", (unsigned)seed, score.false_words);
    }
}

static void test_clocks_and_own_numbers_are_in_the_result(void **state)
{
    struct fabric_world_config config = small(4);
    struct fabric_result *result = run(&config);
    uint32_t offsets = 0, drifts = 0, own = 0;

    (void)state;
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (strcmp(m->metric->name, "clock.offset") == 0) {
            offsets++;
            /* The probes' clock is the head's: the way there and back is all there is. */
            assert_true(m->low <= 0 && m->high >= 0 && m->high - m->low < 0.02);
        }
        drifts += strcmp(m->metric->name, "clock.drift") == 0;
        own += strcmp(m->metric->name, "memory.read") == 0;
    }
    assert_int_equal(offsets, 4);
    assert_int_equal(drifts, 4);
    assert_int_equal(own, 4);
    result_free(result);
}

static const struct {
    enum fabric_misfortune misfortune;
    enum node_fate fate;
} misfortunes[] = {
    {PROBE_ABSENT, NODE_ABSENT},    {PROBE_HANGS, NODE_HUNG},     {PROBE_DIES, NODE_DIED},
    {PROBE_DIES_SILENT, NODE_HUNG}, {PROBE_TWICE, NODE_WELL},     {PROBE_GARBAGE, NODE_WELL},
    {PROBE_LATE, NODE_HUNG},        {PROBE_UNREACHED, NODE_WELL},
};

/* In every phase: orders 1 to 4 are for the clock, 5 is node tests, then pairs. */
static void test_whatever_happens_to_a_probe_the_others_are_measured(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(misfortunes); k++)
        for (uint32_t seq = 1; seq <= 22; seq++) {
            struct fabric_world_config config = small(8);
            struct fabric_result *result;
            uint32_t others = 0;

            config.misfortune = misfortunes[k].misfortune;
            config.misfortune_node = seq % 8;
            config.misfortune_seq = seq;
            result = run(&config);
            for (uint32_t i = 0; i < 8; i++) {
                enum node_fate want = i == config.misfortune_node ? misfortunes[k].fate : NODE_WELL;

                if (result->nodes.items[i].fate != want)
                    fail_msg("misfortune %d at order %u: node %u is %s", (int)config.misfortune,
                             seq, i, node_fate_names[result->nodes.items[i].fate]);
                assert_true((want == NODE_WELL) == (result->nodes.items[i].words[0] == 0));
            }
            for (size_t i = 0; i < result->measures.count; i++) {
                const struct measure *m = &result->measures.items[i];

                assert_true(m->value == m->value && m->value < 1e18);
                assert_true(m->node < 8);
                others += strcmp(m->metric->name, "pair.bandwidth") == 0 &&
                          m->phase == PHASE_TOGETHER && m->node != config.misfortune_node &&
                          m->peer != config.misfortune_node;
            }
            assert_true(others >= 7 * 6);
            assert_true(result->whole);
            result_free(result);
        }
}

static void test_a_hung_node_of_many_costs_its_own_pairs_only(void **state)
{
    (void)state;
    for (int k = PROBE_HANGS; k <= PROBE_DIES; k++) {
        struct fabric_world_config config = large(7);
        struct fabric_result *result;
        uint32_t with[512] = {0};

        config.leaves = 4;
        config.misfortune = (enum fabric_misfortune)k;
        config.misfortune_node = 17;
        config.misfortune_seq = 3;
        result = run(&config);
        for (size_t i = 0; i < result->measures.count; i++)
            with[result->measures.items[i].node]++;
        /* 128 nodes: 15 rounds are the share; each that was failed has got another partner. */
        for (uint32_t i = 0; i < 128; i++)
            if (i != 17)
                assert_true(with[i] >= 15);
        assert_true(with[17] < 10);
        result_free(result);
    }
}

static void test_a_stop_keeps_what_there_is(void **state)
{
    static const int64_t at_ms[] = {1, 7, 30, 3000, 6000, 9000, 15000};
    size_t before = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(at_ms); i++)
        for (int by_time = 0; by_time < 2; by_time++) {
            struct fabric_world_config config = small(8);
            struct fabric_result *result;

            if (by_time)
                config.options.time_ms = at_ms[i];
            else
                config.stop_ms = at_ms[i];
            result = run(&config);
            assert_false(result->whole);
            assert_true(score.took_ms <= at_ms[i] + 1);
            assert_true(result->measures.count >= before);
            before = by_time ? result->measures.count : before;
            result_free(result);
        }
    assert_true(before > 100);
}

static void test_the_core_is_told_when_it_does_not_carry_all(void **state)
{
    struct fabric_world_config config = large(3);
    struct fabric_result *result;
    struct findings_of_fabric found;
    struct arena *arena = arena_new(0);

    (void)state;
    config.leaves = 4;
    config.together = 0.5;
    result = run(&config);
    assert_int_equal(model_find(arena, result, &found), 0);
    assert_int_equal(found.suspect_count, 1);
    assert_int_equal(found.suspects[0].kind, SUSPECT_CORE);
    arena_free(arena);
    result_free(result);
}

static void test_each_rail_is_measured_by_itself(void **state)
{
    struct fabric_world_config config = small(8);
    struct fabric_result *result;
    uint32_t of_rail[4] = {0};

    (void)state;
    config.rails = 4;
    result = run(&config);
    for (size_t i = 0; i < result->measures.count; i++)
        for (uint32_t rail = 0; rail < 4; rail++) {
            char name[16];

            (void)snprintf(name, sizeof(name), "mlx5_%u:1", rail);
            of_rail[rail] += strcmp(result->measures.items[i].part, name) == 0;
        }
    for (uint32_t rail = 0; rail < 4; rail++)
        assert_true(of_rail[rail] >= 2 * 4 * 2); /* two rounds of four pairs, both ways */
    assert_int_equal(score.false_names, 0);
    result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_is_planted_is_found_in_a_part_of_the_pairs),
        cmocka_unit_test(test_what_joins_two_leaves_is_told_from_their_cables),
        cmocka_unit_test(test_nothing_is_named_where_nothing_is_wrong),
        cmocka_unit_test(test_every_pair_of_few_nodes_is_measured_in_both_phases),
        cmocka_unit_test(test_eight_hosts_take_less_than_a_minute),
        cmocka_unit_test(test_an_outlier_accuses_nobody),
        cmocka_unit_test(test_clocks_and_own_numbers_are_in_the_result),
        cmocka_unit_test(test_whatever_happens_to_a_probe_the_others_are_measured),
        cmocka_unit_test(test_a_hung_node_of_many_costs_its_own_pairs_only),
        cmocka_unit_test(test_a_stop_keeps_what_there_is),
        cmocka_unit_test(test_each_rail_is_measured_by_itself),
        cmocka_unit_test(test_the_core_is_told_when_it_does_not_carry_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
