/* fleet/judged - what the rules found on some nodes of a cohort and not on others, as fields.
 *
 * Errors, counters and link states are no settings and are not compared as such; but a rule that
 * fires on three nodes of 512 sets them apart all the same. */
#ifndef FLEET_JUDGED_H
#define FLEET_JUDGED_H

#include "fleet/sets.h"

/* Append one field for each such rule. Nodes on which a rule could not see its evidence are left
 * out. 0 or -ENOMEM. */
int judged_fields(struct sets *sets, const struct fleet *fleet, struct node_set nodes,
                  uint32_t host_column, struct diff *diff);

#endif
