/* fleet/sets - sets of nodes, each kept once.
 *
 * A set's hash is the sum of its nodes' hashes, so the hash of a union of disjoint sets is known
 * before its list is made. */
#ifndef FLEET_SETS_H
#define FLEET_SETS_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "fleet/diff.h"

struct sets {
    struct arena *arena; /* not owned */
    struct map map;
};

static inline uint64_t set_hash_of_node(uint32_t node)
{
    return hash_mix(node + 1, 0x5e75);
}

void sets_done(struct sets *sets);

/* The set with this hash, or NULL. */
const struct set *sets_get(const struct sets *sets, uint64_t hash);

/* The one set of these nodes (any order, none twice). NULL when there is no memory. */
const struct set *sets_keep(struct sets *sets, const uint32_t *nodes, uint32_t count);

bool set_has(const struct node_set *set, uint32_t node);
bool sets_within(const struct node_set *inner, const struct node_set *outer);
bool sets_meet(const struct node_set *a, const struct node_set *b);

#endif
