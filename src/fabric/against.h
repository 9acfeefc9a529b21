/* fabric/against - two tests of the same nodes: who got slower, who got faster, since when. */
#ifndef FABRIC_AGAINST_H
#define FABRIC_AGAINST_H

#include "fabric/model.h"

struct change {
    const struct metric *metric;
    uint32_t node; /* in the newer result; for links `peer` too */
    uint32_t peer;
    double before, after;
    double ratio; /* after / before, as speed: below 1 is slower, for times too */
    bool telling; /* beyond the noise of both */
};

struct changes {
    const struct change *items; /* slowest first */
    uint32_t count, telling;
    uint32_t missing, added; /* nodes of the older that the newer lacks, and the other way round */
};

/* Nodes are matched by name. In `arena`. Returns 0, -ENOMEM, or -EINVAL: no node in common. */
int fabric_against(struct arena *arena, const struct fabric_result *older,
                   const struct fabric_result *newer, struct changes *out, struct err *err);

#endif
