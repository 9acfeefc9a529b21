/* fabric/accused - what is named for slow flows: a node, one way of it, a group, a link. */
#ifndef FABRIC_ACCUSED_H
#define FABRIC_ACCUSED_H

#include "fabric/flows.h"
#include "fabric/model.h"

#define MARGIN_NAMED 4.0 /* natural logarithm of the odds from which something is named */
#define MARGIN_SURE  7.0 /* ... and from which no more rounds are spent on it */

enum flow_way { WAY_OUT, WAY_IN, FLOW_WAYS };

struct accused {
    enum suspect_kind kind;
    const uint32_t *nodes; /* as in struct suspect */
    uint32_t node_count;
    uint32_t group;                /* its number, or GROUP_NONE: discovered, or not a group */
    double level[FLOW_WAYS];       /* log; 0: this way is well */
    double margin;                 /* log odds against the next best explanation */
    uint32_t slow, fast, partners; /* flows for and against it; nodes it is slow with */
    uint32_t decide[2];
    bool together; /* slow only in PHASE_TOGETHER */
    bool whole;    /* a group that is slow inside, too */
};

struct accused_list {
    struct accused *items;
    uint32_t count, space;
};

#endif
