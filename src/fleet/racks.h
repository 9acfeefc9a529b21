/* fleet/racks - are the slow nodes neighbours? By name: "r17-n03" and "r17-n04" share a place.
 *
 * No fact says where a node stands; its name mostly does. A place that fits is a confounder:
 * cabling, cooling and power are shared there and are not in any dump. */
#ifndef FLEET_RACKS_H
#define FLEET_RACKS_H

#include "fleet/model.h"

struct rack {
    const char *prefix; /* "r17-n" */
    uint32_t slow_with, slow_all, fast_with, fast_all;
    double p; /* of Fisher's exact test, times the number of places */
};

/* The place that fits best. `known` and `slow` are per node. Texts in `arena`. Returns 1 when one
 * fits (p <= 0.05), 0 when none does, -ENOMEM. */
int racks_find(struct arena *arena, const struct fleet *fleet, const bool *known, const bool *slow,
               struct rack *out);

#endif
