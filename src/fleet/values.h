/* fleet/values - the values of one path in the cells of a block: what they are, who has them. */
#ifndef FLEET_VALUES_H
#define FLEET_VALUES_H

#include "fleet/cells.h"

/* Facts with the same sig say the same, as far as it matters. */
uint64_t value_sig(const struct fact *fact);

/* May a cell without the path only lack the source that tells it? Of a block that several sources
 * tell, each node shows what its own say. */
bool value_hidden(const struct cell *cell, const struct path *path);

/* The most common first. */
void values_order(struct value *values, uint32_t count);

/* Text and set of each value, and the rarest in one when there are too many; `absent` is the cell
 * of those that lack the block. 0 or -ENOMEM. */
int values_fill(struct cells *cells, const struct path *path, struct value *values, uint32_t *count,
                const struct cell *absent);

#endif
