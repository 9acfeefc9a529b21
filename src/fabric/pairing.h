/* fabric/pairing - which nodes are paired in a round: every node in one pair at a time.
 *
 * Pure; a round of n nodes is n / 2 pairs, and with n odd one node rests. */
#ifndef FABRIC_PAIRING_H
#define FABRIC_PAIRING_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair {
    uint32_t a, b; /* a < b */
};

/* Rounds of a full tournament of n: n - 1, or n when n is odd; 0 when n < 2. */
uint32_t tournament_rounds(uint32_t n);
/* Round r of it by the circle method: each pair comes exactly once in all rounds. Writes n / 2
 * pairs and returns how many. */
uint32_t tournament_round(uint32_t n, uint32_t r, struct pair *out);

/* A random round over nodes[0..n): `met` says whether two have been paired already, and pairs that
 * have not are preferred; `group` (by node, NULL: none) makes pairs cross groups where
 * `cross` is true, stay inside where it is not, as far as numbers allow. O(n log n) at most: 12,500
 * nodes take milliseconds. Returns the number of pairs. */
struct pairing_world {
    void *data;
    bool (*met)(void *data, uint32_t a, uint32_t b);
    const uint32_t *group;
};
uint32_t random_round(struct rng *rng, const struct pairing_world *world, const uint32_t *nodes,
                      uint32_t n, bool cross, struct pair *out);

#endif
