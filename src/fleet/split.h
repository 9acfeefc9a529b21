/* fleet/split - one bundle of deviations as one cause, or as several where it must be many.
 *
 * What another version of a tool printed is always set apart. Otherwise a bundle stays whole, named
 * by the rule that explains most of it; or (`apart`) each missing device and each rule that claims
 * a setting in it becomes a cause, and the rest goes by capability. */
#ifndef FLEET_SPLIT_H
#define FLEET_SPLIT_H

#include "fleet/splitter.h"

/* 0 or -ENOMEM. */
int split_bundle(struct splitter *splitter, const struct deviation *deviations, uint32_t count,
                 struct node_set nodes, bool apart);

/* Put a cause's deviations in the order in which they tell most. */
int split_order(struct splitter *splitter, struct fold *fold);

#endif
