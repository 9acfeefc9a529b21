/* fabric/accuse - which nodes, groups, parts of groups and links account for the slow flows.
 *
 * Greedy: of all that could be slow, what gains most likelihood is named, its flows are explained,
 * and the rest is looked at again. docs/design/fabric.md says why that suffices. */
#ifndef FABRIC_ACCUSE_H
#define FABRIC_ACCUSE_H

#include "fabric/accused.h"

/* Appends to *out, in the order found; sets the level of the flows. All in `arena`. 0 or -ENOMEM.
 */
int accuse(struct arena *arena, struct flows *flows, struct accused_list *out);

#endif
