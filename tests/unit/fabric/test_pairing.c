/* Whatever the number of nodes: each is in one pair a round, and a tournament has every pair once.
 */
#include "fabric/pairing.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define N_MAX 600

static struct pair pairs[N_MAX];
static uint32_t nodes[N_MAX], groups[N_MAX];
static bool seen[N_MAX];

/* Fails unless the pairs are disjoint, ordered and of nodes below n. */
static void disjoint(uint32_t n, uint32_t count, const char *what)
{
    memset(seen, 0, sizeof(seen));
    if (count != n / 2)
        fail_msg("%s, %u nodes: %u pairs", what, n, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pair pair = pairs[i];

        if (pair.a >= pair.b || pair.b >= n || seen[pair.a] || seen[pair.b])
            fail_msg("%s, %u nodes: pair %u-%u is out of place", what, n, pair.a, pair.b);
        seen[pair.a] = seen[pair.b] = true;
    }
}

static void test_a_tournament_has_every_pair_once(void **state)
{
    (void)state;
    assert_int_equal(tournament_rounds(0), 0);
    assert_int_equal(tournament_rounds(1), 0);
    assert_int_equal(tournament_rounds(2), 1);
    assert_int_equal(tournament_rounds(3), 3);
    for (uint32_t n = 0; n <= 65; n++) {
        static uint8_t met[66][66];
        uint32_t all = 0;

        memset(met, 0, sizeof(met));
        for (uint32_t r = 0; r < tournament_rounds(n); r++) {
            disjoint(n, tournament_round(n, r, pairs), "tournament");
            for (uint32_t i = 0; i < n / 2; i++) {
                if (met[pairs[i].a][pairs[i].b]++)
                    fail_msg("%u nodes: %u-%u meet twice", n, pairs[i].a, pairs[i].b);
                all++;
            }
        }
        assert_int_equal(all, n < 2 ? 0 : n * (n - 1) / 2);
    }
}

static bool met_never(void *data, uint32_t a, uint32_t b)
{
    (void)data, (void)a, (void)b;
    return false;
}

static uint8_t meetings[N_MAX][N_MAX];

static bool met_before(void *data, uint32_t a, uint32_t b)
{
    (void)data;
    return meetings[a][b] || meetings[b][a];
}

static void test_every_node_is_in_a_random_round_once(void **state)
{
    struct rng rng = {1};

    (void)state;
    for (uint32_t n = 0; n <= 65; n++)
        for (int kind = 0; kind < 3; kind++) {
            struct pairing_world world = {.met = met_never, .group = kind ? groups : NULL};

            for (uint32_t i = 0; i < n; i++) {
                nodes[i] = i;
                groups[i] = (uint32_t)rng_below(&rng, 1 + n / 5) * 1000;
            }
            disjoint(n, random_round(&rng, &world, nodes, n, kind == 1, pairs), "random");
        }
}

static void test_all_pairs_cross_groups_where_numbers_allow(void **state)
{
    static const struct {
        uint32_t n, groups, first; /* the first group has so many */
        uint32_t inside;           /* pairs that can't but be within a group */
    } cases[] = {{512, 16, 32, 0}, {100, 2, 50, 0},   {100, 3, 50, 0},
                 {100, 2, 60, 10}, {100, 1, 100, 50}, {8, 4, 2, 0}};
    struct rng rng = {2};

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++)
        for (int round = 0; round < 20; round++) {
            struct pairing_world world = {.met = met_never, .group = groups};
            uint32_t n = cases[c].n, inside = 0;

            for (uint32_t i = 0; i < n; i++) {
                nodes[i] = i;
                groups[i] = i < cases[c].first ? 7 : 8 + i % (cases[c].groups - 1);
            }
            disjoint(n, random_round(&rng, &world, nodes, n, true, pairs), "cross");
            for (uint32_t i = 0; i < n / 2; i++)
                inside += groups[pairs[i].a] == groups[pairs[i].b];
            assert_int_equal(inside, cases[c].inside);
        }
}

static void test_pairs_stay_inside_groups_but_for_the_odd_ones(void **state)
{
    struct rng rng = {3};

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct pairing_world world = {.met = met_never, .group = groups};
        uint32_t n = 2 * (1 + (uint32_t)rng_below(&rng, 200)), across = 0, odd = 0;
        uint32_t sizes[20] = {0}, kinds = 1 + (uint32_t)rng_below(&rng, 20);

        for (uint32_t i = 0; i < n; i++) {
            nodes[i] = i;
            groups[i] = (uint32_t)rng_below(&rng, kinds);
            sizes[groups[i]]++;
        }
        for (uint32_t k = 0; k < kinds; k++)
            odd += sizes[k] % 2;
        disjoint(n, random_round(&rng, &world, nodes, n, false, pairs), "inside");
        for (uint32_t i = 0; i < n / 2; i++)
            across += groups[pairs[i].a] != groups[pairs[i].b];
        assert_int_equal(across, odd / 2);
    }
}

/* 24 rounds of 512 leave 511 - 24 others for each: nobody need meet twice, and few do. */
static void test_pairs_that_have_met_are_avoided(void **state)
{
    struct pairing_world world = {.met = met_before};
    struct rng rng = {4};
    uint32_t twice = 0;

    (void)state;
    memset(meetings, 0, sizeof(meetings));
    for (uint32_t i = 0; i < 512; i++)
        nodes[i] = i;
    for (int round = 0; round < 24; round++) {
        uint32_t count = random_round(&rng, &world, nodes, 512, true, pairs);

        for (uint32_t i = 0; i < count; i++)
            twice += meetings[pairs[i].a][pairs[i].b]++ > 0;
    }
    assert_true(twice <= 24); /* the last of a line have nobody to choose from; blindly: 140 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tournament_has_every_pair_once),
        cmocka_unit_test(test_every_node_is_in_a_random_round_once),
        cmocka_unit_test(test_all_pairs_cross_groups_where_numbers_allow),
        cmocka_unit_test(test_pairs_stay_inside_groups_but_for_the_odd_ones),
        cmocka_unit_test(test_pairs_that_have_met_are_avoided),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
