/* fleet/rank - how telling a difference is before anybody says who is slow. */
#ifndef FLEET_RANK_H
#define FLEET_RANK_H

#include "fleet/fold.h"

/* Did this rule find fault with the node? */
bool rank_fires(const struct fleet_node *node, const struct rule *rule);

/* Do its nodes say it themselves? Share of them on which this rule fires, less the share of the
 * others: -1 .. 1. */
double rank_verdict(const struct fleet *fleet, struct node_set all, struct node_set some,
                    const struct rule *rule);

/* Larger is more telling. */
double rank_score(const struct fleet *fleet, const struct diff *diff, const struct fold *fold);

/* Is this a version or a model rather than a setting ("bios.version", "package.x", "Header.rev")?
 */
bool rank_is_inventory(const char *path);

/* Where both sides are equally many: is the other side the one that is wrong? Judged by the
 * difference's rules, then by all findings. */
bool rank_should_flip(const struct fleet *fleet, const struct diff *diff, const struct fold *fold);

#endif
