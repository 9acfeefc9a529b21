/* fabric/against - two tests of the same nodes: who got slower, who got faster, since when.
 *
 * Nodes are compared by their levels (fabric/model), links by the measures that both tests have of
 * them. A change is telling when it is larger than what the noise of both tests, and the scatter of
 * all other changes of its kind, would bring once in twenty comparisons like this one. */
#ifndef FABRIC_AGAINST_H
#define FABRIC_AGAINST_H

#include "fabric/model.h"

#define AGAINST_LEAST 0.03 /* a node's change below that is never telling */
#define AGAINST_LINK  0.10 /* nor a link's: of it there are few measures */

struct change {
    const struct metric *metric;
    uint32_t node; /* in the newer result; MEASURE_NOBODY: the middle of all nodes */
    uint32_t peer; /* for links; else MEASURE_NOBODY */
    double before, after;
    double ratio; /* after / before, as speed: below 1 is slower, for times too */
    bool telling; /* beyond the noise of both */
};

struct changes {
    const struct change *items; /* the telling first, slowest first */
    uint32_t count, telling;
    uint32_t slower;         /* of the telling: got slower */
    uint32_t nodes;          /* in both */
    uint32_t missing, added; /* nodes of the older that the newer lacks, and the other way round */
};

/* Nodes are matched by name. In `arena`. Returns 0, -ENOMEM, or -EINVAL: no node in common. */
int fabric_against(struct arena *arena, const struct fabric_result *older,
                   const struct fabric_result *newer, struct changes *out, struct err *err);

/* The same when what the model found in each is known already. */
int against_levels(struct arena *arena, const struct fabric_result *older,
                   const struct findings_of_fabric *before, const struct fabric_result *newer,
                   const struct findings_of_fabric *after, struct changes *out, struct err *err);

#endif
