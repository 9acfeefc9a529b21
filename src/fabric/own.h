/* fabric/own - the numbers that a node has by itself (memory, cores, disk, clock ...), beside those
 * of its peers: which of them are slow. */
#ifndef FABRIC_OWN_H
#define FABRIC_OWN_H

#include "fabric/model.h"

struct own_slow {
    const struct metric *metric;
    uint32_t node;
    const char *part; /* "": the node as a whole */
    double value, low, high;
    double typical;
    double margin;       /* log odds, roughly: grows with the distance in units of noise */
    uint32_t slow, fast; /* its own numbers that are slow; its peers that are not */
};

struct own_numbers {
    struct own_slow *items;
    uint32_t count;
    struct node_level *levels; /* by metric, then the worst first */
    uint32_t level_count;
};

/* In `arena`. 0 or -ENOMEM. */
int own_judge(struct arena *arena, const struct fabric_result *result, struct own_numbers *out);

#endif
