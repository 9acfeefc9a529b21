/* fleet/fold - facts that differ over the same nodes become one cause.
 *
 * A deviation is a field's minority value. Deviations with the same set of nodes are one bundle.
 * Where sets are so few that unrelated facts must share one (two nodes; one odd node), a bundle is
 * split by the rules that name its settings. The same setting with the same other value at
 * different places of different nodes is one cause again. */
#ifndef FLEET_FOLD_H
#define FLEET_FOLD_H

#include "fleet/diff.h"
#include "fleet/naming.h"

struct deviation {
    uint32_t field, value; /* into diff->fields and its values */
    uint8_t claim;         /* enum claim of the cause's rule */
    uint32_t order;        /* for display: how many of the same path came before */
};

struct fold {
    enum difference_kind kind;
    const struct rule *rule, *also[4];
    struct deviation *deviations;
    uint32_t count;
    struct node_set nodes;
};

struct fold_list {
    struct fold *items;
    uint32_t count;
};

/* All in `arena`, in an order that depends on nothing but the nodes. 0 or -ENOMEM. */
int fold_diff(struct arena *arena, const struct fleet *fleet, const struct diff *diff,
              struct naming *naming, struct fold_list *out);

#endif
