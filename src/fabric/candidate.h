/* fabric/candidate - what may be slow: a node, what leads to it, a group, what leads to a group,
 * and what joins two groups; and how well each accounts for the flows that it covers. */
#ifndef FABRIC_CANDIDATE_H
#define FABRIC_CANDIDATE_H

#include "fabric/court.h"

/* A candidate is all flows of some nodes, or those that leave their group, or go to one other. */
struct candidate {
    const uint32_t *nodes;
    uint32_t count;
    uint32_t set;   /* for `cross`: the group that is left */
    uint32_t other; /* of a group: the only one that flows go to and come from; GROUP_NONE: any */
    bool cross;     /* only flows to and from outside `set` */
    bool is_group;
};

#define CANDIDATE_FLOWS 4 /* between two groups: fewer slow ones are no pattern */

struct judged {
    double level[FLOW_WAYS], gain[FLOW_WAYS];
    uint32_t slow, fast;
    double score; /* with the odds; negative infinity: not slow */
};

/* Does it cover this flow of `node`, which is one of its nodes? *way: as seen from that node. */
bool candidate_covers(const struct court *court, const struct candidate *c, const struct flow *flow,
                      uint32_t node, enum flow_way *way);

struct judged candidate_judge(struct court *court, const struct candidate *c);

#endif
