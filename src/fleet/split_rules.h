/* fleet/split_rules - the parts of a bundle by the rules that name settings in it. */
#ifndef FLEET_SPLIT_RULES_H
#define FLEET_SPLIT_RULES_H

#include "fleet/splitter.h"

/* The rules that name most of what is left, at most SPLIT_RULES_MAX, the cause behind the others
 * first. Returns how many. */
#define SPLIT_RULES_MAX 5
uint32_t split_best_rules(struct splitter *splitter, const struct rule **best);

/* A cause for each of them until none is left. 0 or -ENOMEM. */
int split_by_rules(struct splitter *splitter, struct node_set nodes);

#endif
