/* fabric/levels - how much is measured at each level, in one table. */
#ifndef FABRIC_LEVELS_H
#define FABRIC_LEVELS_H

#include "fabric/result.h"

struct pair_level { /* what a pair measures in one phase */
    uint32_t ms;    /* for each single measurement */
    uint32_t limit_ms;
    uint32_t size_count;
    uint64_t sizes[4];
    bool both, latency;
};

struct level {
    uint32_t all_pairs_max; /* nodes up to which every pair is measured */
    /* with more nodes: */
    double pairs_share;    /* of all pairs, at most */
    uint32_t rounds;       /* of random pairs, all at once */
    uint32_t inside_every; /* ... every so many of which stay within groups */
    uint32_t alone_pairs;  /* of those, measured alone too: what the core does when it is spared */
    /* with any number: */
    uint32_t decide_rounds; /* that the model asks for, at most */
    uint32_t rail_rounds;   /* for each adapter, where nodes have several */
    uint32_t node_ms, node_limit_ms;
    struct pair_level pair[PAIR_PHASES];
};

extern const struct level fabric_levels[LEVEL_COUNT];

#define LEVEL_LATENCY_BYTES 8
#define LEVEL_CARD_MS       60000 /* for all cards to come */
#define LEVEL_CLOCK_MS      5000
#define LEVEL_CLOCK_TRIES   4    /* the shortest round trip counts */
#define LEVEL_GRACE_MS      5000 /* beyond an order's limit: the way there and back, a busy head */
#define LEVEL_ONE_BY_ONE    12   /* nodes up to which one pair at a time runs alone */
#define LEVEL_ALONE_SHARE   8    /* beyond: so many nodes a pair that runs at the same time ... */
#define LEVEL_ALONE_MAX     32   /* ... and at most so many pairs */
#define LEVEL_ROUNDS_MIN    6    /* of random pairs, whatever share they are */

#endif
