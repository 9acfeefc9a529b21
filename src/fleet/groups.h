/* fleet/groups - which nodes say the same at a place.
 *
 * Per column the nodes are sorted into groups by their entry. Columns on which all nodes agree are
 * passed over: their nodes are not even listed. */
#ifndef FLEET_GROUPS_H
#define FLEET_GROUPS_H

#include "fleet/align.h"

struct group {
    const struct entry *entry;
    uint32_t column, next;         /* next group of the column, 0: none (indices + 1) */
    uint32_t count, start, filled; /* of groups->members, where the column differs */
    uint32_t first;                /* lowest node */
    uint64_t hash;                 /* as of its set */
};

struct groups {
    const struct fleet *fleet;
    const struct alignment *alignment;
    struct node_set nodes;
    VEC(struct group) list;
    struct map map;
    uint32_t *heads, *tails, *last; /* per column: groups (indices + 1) */
    uint32_t *members;              /* nodes of the groups that are looked into */
};

/* 0 or -ENOMEM; groups_done in either case. */
int groups_find(struct groups *groups, const struct fleet *fleet, const struct alignment *alignment,
                struct node_set nodes);
void groups_done(struct groups *groups);

/* Do the nodes differ at this place: other entries, or some lack it? */
bool groups_differ(const struct groups *groups, uint32_t column);

#endif
