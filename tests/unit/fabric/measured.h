/* Results of fabric tests for tests: nodes that measure each other, some of them slowly. */
#ifndef TESTS_FABRIC_MEASURED_H
#define TESTS_FABRIC_MEASURED_H

#include "base/rng.h"
#include "fabric/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Nodes are n001, n002 ...: their numbers, 0 for none. What is 0 has a default. */
struct measured {
    uint32_t nodes; /* 8 */
    uint64_t seed;
    double noise;  /* relative, of one measure: 0.01 */
    uint32_t slow; /* this node's pairs run at `share` */
    double share;
    uint32_t from, to; /* one way between two nodes at `link_share` */
    double link_share;
    uint32_t slow_memory; /* this node's memory reads at 0.5 */
    const char *id;       /* fabric-bcdfg */
};

static inline void measured_add(struct fabric_result *result, const char *metric, uint32_t node,
                                uint32_t peer, enum phase phase, uint64_t bytes, const char *via,
                                double value)
{
    struct measure measure = {.metric = metric_find(str_of(metric)),
                              .node = node,
                              .peer = peer,
                              .phase = phase,
                              .bytes = bytes,
                              .value = value,
                              .low = value * 0.99,
                              .high = value * 1.01};

    assert_non_null(measure.metric);
    (void)snprintf(measure.via, sizeof(measure.via), "%s", via);
    assert_int_equal(result_add_measure(result, &measure, NULL), 0);
}

/* 1 with noise: the sum of some uniform numbers is nearly a normal one. */
static inline double measured_noise(struct rng *rng, double noise)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += rng_unit(rng);
    return 1 + noise * (sum - 6);
}

static inline double measured_share(const struct measured *world, uint32_t a, uint32_t b)
{
    double share = a + 1 == world->slow || b + 1 == world->slow ? world->share : 1;

    return a + 1 == world->from && b + 1 == world->to ? share * world->link_share : share;
}

/* All pairs both ways in both phases, 11.8 GB/s and 3.2 us; each node's memory and a core. */
static inline struct fabric_result *measured_make(struct measured world_of)
{
    struct fabric_result *result = result_new();
    const struct measured *world = &world_of;
    struct rng rng = {world->seed};
    char name[32];

    assert_non_null(result);
    world_of.nodes = world->nodes ? world->nodes : 8;
    world_of.noise = world->noise > 0 ? world->noise : 0.01;
    world_of.id = world->id ? world->id : "fabric-bcdfg";
    result->id = arena_copy(result->arena, world->id, strlen(world->id));
    result->began_ns = 1764000000000000000;
    result->ended_ns = result->began_ns + 95 * 1000000000LL;
    result->tests = 1u << TEST_PAIRS | 1u << TEST_MEMORY;
    result->whole = true;
    result->rounds = world->nodes - 1;
    result->pairs_planned = result->pairs_done = world->nodes * (world->nodes - 1) / 2;
    for (uint32_t n = 0; n < world->nodes; n++) {
        struct card *card;

        (void)snprintf(name, sizeof(name), "n%03u", n + 1);
        assert_int_equal(result_add_node(result, name, "", NULL), 0);
        assert_int_equal(result_set_fate(result, n, NODE_WELL, "", NULL), 0);
        card = &result->nodes.items[n].card;
        (void)snprintf(card->host, sizeof(card->host), "%s", name);
        (void)snprintf(card->ucx, sizeof(card->ucx), "UCX 1.17.0 (rc_mlx5, tcp)");
        card->has_ucx = true;
        card->cpus = 64;
        card->numa_nodes = 1;
        card->device_count = 1;
        card->devices[0] = (struct device){DEVICE_RDMA, "mlx5_0:1", true, 12.5e9, 0};
    }
    for (uint32_t a = 0; a < world->nodes; a++) {
        for (uint32_t b = 0; b < world->nodes; b++)
            for (int phase = 0; a != b && phase < PAIR_PHASES; phase++) {
                double share = measured_share(world, a, b);

                measured_add(result, "pair.bandwidth", a, b, (enum phase)phase, 1 << 20,
                             "rc_mlx5/mlx5_0:1",
                             11.8e9 * share * measured_noise(&rng, world->noise));
                measured_add(result, "pair.latency.p50", a, b, (enum phase)phase, 8,
                             "rc_mlx5/mlx5_0:1", 3.2e-6 * measured_noise(&rng, world->noise));
            }
        measured_add(result, "memory.read", a, MEASURE_NOBODY, PHASE_ALONE, 1 << 30, "",
                     200e9 * (a + 1 == world->slow_memory ? 0.5 : 1) *
                         measured_noise(&rng, world->noise));
    }
    return result;
}

#define MEASURED(...) measured_make((struct measured){__VA_ARGS__})

#endif
