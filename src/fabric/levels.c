#include "fabric/levels.h"

/* Quick: 8 nodes are 7 rounds together and 28 pairs alone, each of 7 measurements of 60 ms and what
 * it takes to meet, about half a second: 20 s in all. */
const struct level fabric_levels[LEVEL_COUNT] = {
    [LEVEL_QUICK] =
        {
            .all_pairs_max = 32,
            .pairs_share = 0.12,
            .rounds = 24,
            .inside_every = 4,
            .alone_pairs = 64,
            .decide_rounds = 60,
            .rail_rounds = 2,
            .node_ms = 100,
            .node_limit_ms = 20000,
            .pair =
                {
                    [PHASE_ALONE] = {60, 10000, 2, {65536, 1048576}, true, true},
                    [PHASE_TOGETHER] = {60, 10000, 1, {1048576}, false, true},
                },
        },
    [LEVEL_FULL] =
        {
            .all_pairs_max = 128,
            .pairs_share = 0.25,
            .rounds = 48,
            .inside_every = 4,
            .alone_pairs = 256,
            .decide_rounds = 120,
            .rail_rounds = 6,
            .node_ms = 1000,
            .node_limit_ms = 180000,
            .pair =
                {
                    [PHASE_ALONE] = {500, 30000, 4, {4096, 65536, 1048576, 16777216}, true, true},
                    [PHASE_TOGETHER] = {500, 30000, 2, {65536, 16777216}, true, true},
                },
        },
};
