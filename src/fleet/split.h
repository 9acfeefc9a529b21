/* fleet/split - one bundle of deviations as one cause, or as several where it must be many.
 *
 * What another version of a tool printed is always set apart. Otherwise a bundle stays whole, named
 * by the rule that explains most of it; or (`apart`) each missing device and each rule that claims
 * a setting in it becomes a cause, and the rest goes by capability. */
#ifndef FLEET_SPLIT_H
#define FLEET_SPLIT_H

#include "fleet/fold.h"

struct splitter;

/* NULL when there is no memory. */
struct splitter *splitter_new(struct arena *arena, const struct fleet *fleet,
                              const struct diff *diff, struct naming *naming);
void splitter_free(struct splitter *splitter);

/* 0 or -ENOMEM. */
int split_bundle(struct splitter *splitter, const struct deviation *deviations, uint32_t count,
                 struct node_set nodes, bool apart);

/* The causes so far, in the arena. */
int splitter_take(struct splitter *splitter, struct fold_list *out);

/* Put a cause's deviations in the order in which they tell most. */
int split_order(struct splitter *splitter, struct fold *fold);

#endif
