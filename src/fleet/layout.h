/* fleet/layout - the seats of a node: its subjects by place, each different layout kept once for
 * all nodes. */
#ifndef FLEET_LAYOUT_H
#define FLEET_LAYOUT_H

#include "base/map.h"
#include "fleet/words.h"
#include "topo/topo.h"

/* Where a subject sits. */
struct seat {
    const char *key; /* slot for PCI, "<slot>#<port>" for a card's port, else the name; kept once */
    const char *role; /* "gpu3", or as `key` */
    const char *who;  /* for rules: "gpu", "port", "host" ... */
    const char *name; /* "10de:2330" or as printed; "" */
    uint64_t bdf;
    uint32_t vendor_device;
    int32_t parent; /* seat of the bridge above, -1 */
    int16_t root;   /* root bus, -1 when not PCI */
    uint8_t kind;   /* enum subject_kind */
    uint8_t device; /* enum topo_kind */
};

struct layout {
    uint64_t sig, pci_sig; /* all of it; the PCI tree without bus numbers */
    uint64_t numbering;    /* of the bus numbers */
    uint32_t count, roots;
    struct seat seats[]; /* other subjects in the node's order, then PCI in bus order */
};

/* Shared by threads. NULL when there is no memory. */
struct layouts;
struct layouts *layouts_new(struct fact_pool *pool, struct words *words);
void layouts_free(struct layouts *layouts);

/* The node's; subjects[] becomes the node's subject of each seat. NULL when there is no memory. */
const struct layout *layout_of(struct layouts *layouts, const struct node *node,
                               const struct topo *topo, uint32_t *subjects);

#endif
