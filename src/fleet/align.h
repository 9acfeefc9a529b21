/* fleet/align - the same place on every node of a cohort.
 *
 * A column is a place: a slot in the PCI tree (free of bus numbers), or a subject's name. Where a
 * node has a root bus more or less, its root buses are matched by what hangs on them. */
#ifndef FLEET_ALIGN_H
#define FLEET_ALIGN_H

#include "fleet/model.h"

struct column {
    const char *key, *role, *who; /* as most nodes have it */
    uint8_t kind, device;
    uint32_t vendor_device;
    int32_t parent; /* column of the bridge above (of a port: its card), -1 */
    uint32_t nodes; /* how many have it */
};

struct alignment {
    struct column *columns;
    uint32_t column_count;
    const struct layout **layouts; /* the different ones: most nodes first */
    uint32_t layout_count;
    uint32_t *of_node;     /* per node of the set: index of its layout */
    uint32_t **columns_of; /* per layout, per seat: the column */
};

/* All in `arena`. 0 or -ENOMEM. */
int align_nodes(struct arena *arena, const struct fleet *fleet, struct node_set nodes,
                struct alignment *out);

#endif
