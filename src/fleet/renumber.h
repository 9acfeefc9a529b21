/* fleet/renumber - the same devices at the same places under other bus numbers. */
#ifndef FLEET_RENUMBER_H
#define FLEET_RENUMBER_H

#include "fleet/align.h"

/* One difference for all nodes of the cohort whose bus numbers are not the majority's; *found tells
 * whether there is one. All in `arena`. 0 or -ENOMEM. */
int renumber_find(struct arena *arena, const struct alignment *alignment, struct node_set nodes,
                  struct difference *out, bool *found);

#endif
