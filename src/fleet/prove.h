/* fleet/prove - the lines behind differences: one node that carries it and one that does not are
 * read again, with all their texts. */
#ifndef FLEET_PROVE_H
#define FLEET_PROVE_H

#include "fleet/fleet.h"

/* Give proofs to the first differences. A node that can no longer be read gives none; -ENOMEM. */
int prove_differences(struct fleet *fleet, struct difference *differences, size_t count,
                      struct err *err);

#endif
