/* fabric/odd_node - which one of few nodes must be left out for all others to be alike.
 *
 * Of four nodes a slow one has half of all flows, of five two fifths: where single flows scatter as
 * well, their median lies anywhere between what is slow and what is not, and so does their spread.
 */
#ifndef FABRIC_ODD_NODE_H
#define FABRIC_ODD_NODE_H

#include "fabric/flows.h"

struct odd_node {
    uint32_t node;
    double typical[PAIR_PHASES][FLOW_RELATIONS]; /* of the others' flows, as their x */
    double level;                                /* of its own, below that */
    double noise;                                /* of one flow */
};

/* While no flow is explained. `room`: for as many numbers as there are flows. False: no node is so
 * much slower, or too few flows are without it. */
bool odd_node_find(const struct flows *flows, double *room, struct odd_node *out);

#endif
