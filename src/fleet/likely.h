/* fleet/likely - what somebody who knows would try first on slow nodes that nothing proven
 * explains: few nodes cannot rule out chance. */
#ifndef FLEET_LIKELY_H
#define FLEET_LIKELY_H

#include "fleet/fleet.h"

/* Fill `likely` and `left` of an explanation that has its causes. What it points at is in `arena`.
 * 0 or -ENOMEM. */
int likely_find(struct arena *arena, const struct fleet *fleet, struct explanation *explanation);

#endif
