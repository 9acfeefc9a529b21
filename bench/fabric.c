/* fabric - are slow nodes, cables and leaves found, and nobody else named?
 *
 *   fabric [SEEDS [FIRST [ROW]]]
 *
 * Each seed is a network of 512 nodes, 16 leaves of 32 and 16 spines, with 1 % of slow nodes (a
 * third of them in one direction), one bad cable (0.1 % of 768, at least one), one bad leaf switch
 * and 3 % noise on each measurement, in two rows also two leaves that are slow to each other alone;
 * the real session and model find out in simulated time. Printed is how many of each kind were
 * planted, hidden behind another fault that is as slow, found and missed; names that are false; the
 * largest share of all pairs that was measured. Then how long the rounds of 12,500 nodes take to
 * draw. */
#include "base/map.h"
#include "fabric/pairing.h"
#include "sim/fabric_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct {
    const char *name;
    bool groups_told, hashed, faults, joined_badly;
} rows[] = {
    {"topology told, routed by destination", true, false, true, false},
    {"topology told, hashed", true, true, true, false},
    {"topology told, no faults", true, false, false, false},
    {"no topology, routed by destination", false, false, true, false},
    {"no topology, hashed", false, true, true, false},
    {"no topology, no faults", false, true, false, false},
    {"topology told, and two leaves joined badly", true, true, true, true},
    {"topology told, only two leaves joined badly", true, false, false, true},
};

static const char *const kinds[FAULT_KIND_COUNT + 1] = {
    [FAULT_NODE] = "slow node",
    [FAULT_NODE_WAY] = "slow node, one way",
    [FAULT_CABLE] = "bad cable of a host",
    [FAULT_LEAF] = "bad leaf switch",
    [FAULT_JOIN] = "leaves joined badly",
    [FAULT_KIND_COUNT] = "bad cable leaf-spine",
};

struct sums {
    uint32_t planted[FAULT_KIND_COUNT + 1], hidden[FAULT_KIND_COUNT + 1];
    uint32_t found[FAULT_KIND_COUNT + 1];
    uint32_t false_names, seeds_right, rounds_max;
    double share_max, share, rounds, took_s;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void add(struct sums *sums, const struct fabric_world_score *score, uint64_t seed)
{
    bool right = score->false_names == 0;

    for (uint32_t i = 0; i < score->fault_count; i++) {
        const struct fabric_fault *fault = &score->faults[i];
        int kind = fault->kind == FAULT_CABLE && fault->node == MEASURE_NOBODY ? FAULT_KIND_COUNT
                                                                               : (int)fault->kind;

        sums->planted[kind]++;
        sums->hidden[kind] += fault->hidden;
        sums->found[kind] += fault->found && !fault->hidden;
        if (fault->hidden || fault->found)
            continue;
        right = false;
        (void)fprintf(stderr, "seed %llu: missed %s: node %d leaf %d spine %d factor %.2f %s%s\n",
                      (unsigned long long)seed, kinds[kind], (int)fault->node, (int)fault->leaf,
                      (int)fault->spine, fault->factor, fault->sends ? "out " : "",
                      fault->receives ? "in" : "");
    }
    if (score->false_names)
        (void)fprintf(stderr, "seed %llu: %u false: %s\n", (unsigned long long)seed,
                      score->false_names, score->false_words);
    sums->false_names += score->false_names;
    sums->seeds_right += right;
    sums->share += score->pairs_share;
    sums->rounds += score->rounds;
    sums->took_s += 1e-3 * (double)score->took_ms;
    if (score->pairs_share > sums->share_max)
        sums->share_max = score->pairs_share;
    if (score->rounds > sums->rounds_max)
        sums->rounds_max = score->rounds;
}

static void print(const char *name, const struct sums *sums, uint32_t seeds, double s)
{
    (void)printf("%s: %u of %u seeds all right, %u false names; pairs %.1f %% of all (at most "
                 "%.1f %%), %.0f rounds (at most %u), %.0f s of a fabric's time; %.0f s here\n",
                 name, sums->seeds_right, seeds, sums->false_names, 100 * sums->share / seeds,
                 100 * sums->share_max, sums->rounds / seeds, sums->rounds_max,
                 sums->took_s / seeds, s);
    for (int k = 0; k <= FAULT_KIND_COUNT; k++)
        if (sums->planted[k])
            (void)printf("  %-22s planted %5u  hidden %4u  found %5u  missed %4u\n", kinds[k],
                         sums->planted[k], sums->hidden[k], sums->found[k],
                         sums->planted[k] - sums->hidden[k] - sums->found[k]);
    (void)fflush(stdout);
}

static int run_row(size_t row, uint64_t first, uint32_t seeds)
{
    static struct fabric_world_score score;
    struct sums sums = {0};
    double began = now_s();

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct fabric_world_config config = {
            .seed = seed,
            .leaves = 16,
            .hosts_each = 32,
            .spines = 16,
            .groups_told = rows[row].groups_told,
            .hashed = rows[row].hashed,
            .noise = 0.03,
            .slow_nodes = rows[row].faults ? 0.01 : 0,
            .bad_cables = rows[row].faults ? 0.001 : 0,
            .bad_leaf = rows[row].faults,
            .bad_join = rows[row].joined_badly,
            .options = {.tests = 1u << TEST_PAIRS, .seed = seed},
        };
        struct err err;

        if (fabric_world_run(&config, NULL, &score, &err) < 0) {
            (void)fprintf(stderr, "fabric: %s\n", err.text);
            return 1;
        }
        add(&sums, &score, seed);
    }
    print(rows[row].name, &sums, seeds, now_s() - began);
    return 0;
}

#define LARGE  12500
#define LEAF   50
#define ROUNDS 24 /* of a quick test of so many */

static uint64_t key_of(uint32_t a, uint32_t b)
{
    uint64_t key = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

    return key ^ key >> 32;
}

static bool has_met(void *data, uint32_t a, uint32_t b)
{
    return map_get(data, key_of(a < b ? a : b, a < b ? b : a), NULL) != NULL;
}

/* All rounds of a quick test of 12,500 nodes are drawn: most across groups, a quarter inside. */
static void plan_large(void)
{
    static uint32_t nodes[LARGE], groups[LARGE];
    static struct pair round[LARGE / 2];
    struct map met = {0};
    struct pairing_world world = {&met, has_met, groups};
    struct rng rng = {1};
    double began = now_s(), s;
    uint32_t pairs = 0, twice = 0;

    for (uint32_t i = 0; i < LARGE; i++) {
        nodes[i] = i;
        groups[i] = i / LEAF;
    }
    for (int r = 0; r < ROUNDS; r++) {
        uint32_t count = random_round(&rng, &world, nodes, LARGE, r % 4 != 3, round);

        for (uint32_t i = 0; i < count; i++) {
            bool again = has_met(&met, round[i].a, round[i].b);

            pairs++;
            twice += again;
            if (!again && map_add(&met, key_of(round[i].a, round[i].b), &met) < 0)
                exit(1);
        }
    }
    s = now_s() - began;
    map_done(&met);
    (void)printf("12,500 nodes: %d rounds, %u pairs (%u a second time) drawn in %.3f s (want 2)\n",
                 ROUNDS, pairs, twice, s);
}

int main(int argc, char **argv)
{
    uint32_t seeds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const char *only = argc > 3 ? argv[3] : NULL;

    for (size_t row = 0; row < ARRAY_LEN(rows) && seeds; row++)
        if ((!only || strtoul(only, NULL, 10) == row) && run_row(row, first, seeds) != 0)
            return 1;
    if (!only)
        plan_large();
    return 0;
}
