/* fleet/pairs - measurements of two nodes at a time: which of the two is slow?
 *
 * A pair is slow if either end is. The nodes named slow are the fewest that account for the slow
 * pairs without standing in fast ones. */
#ifndef FLEET_PAIRS_H
#define FLEET_PAIRS_H

#include "base/arena.h"
#include "fleet/fleet.h"

struct pairs {
    const struct symptom_pair *items;
    uint32_t count, slow; /* pairs; slow ones */
    bool *is_slow;        /* per pair */
    uint32_t node_count;
    uint32_t *start, *list; /* per node: its pairs, list[start[n]] up to start[n + 1] */
};

/* `is_slow` says which pairs are slow. All in `arena`. 0 or -ENOMEM. */
int pairs_init(struct arena *arena, const struct symptom *symptom, uint32_t node_count,
               double *threshold, struct pairs *out);

/* Names slow nodes in `slow` (per node). Pairs of which one end must be slow and nothing tells
 * which are listed in `open` (indices, at most open_max; *open_count counts all). 0 or -ENOMEM. */
int pairs_name(const struct pairs *pairs, bool *slow, uint32_t *open, uint32_t open_max,
               uint32_t *open_count);

/* How many slow and how many pairs in all have an end in `nodes`. `mark` is room for one byte per
 * pair, zero before and after. */
void pairs_cover(const struct pairs *pairs, const uint32_t *nodes, uint32_t count, uint8_t *mark,
                 uint32_t *slow, uint32_t *all);

/* The chance that as many of the `population` nodes, drawn blindly, would cover as large an excess
 * of slow pairs. Exact when there are few ways to draw them, else from draws with a fixed seed. A
 * value below 0: no memory. */
double pairs_draw(const struct pairs *pairs, const uint32_t *population, uint32_t population_count,
                  const uint32_t *carriers, uint32_t carrier_count);

#endif
