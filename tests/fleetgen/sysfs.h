/* fleetgen/sysfs - a node's PCI functions as /sys/bus/pci/devices shows them to root. */
#ifndef FLEETGEN_SYSFS_H
#define FLEETGEN_SYSFS_H

#include "base/arena.h"
#include "fleetgen.h"

/* The node's outputs with sys/bus/pci/devices/<bdf>/{config,resource,numa_node,driver,iommu_group}
 * in place of lspci.txt. `node` was filled by gen_node with this index. Everything in `arena`, or
 * in `node` for the texts. Returns 0 or -ENOMEM. */
int gen_node_sysfs(const struct gen_fleet *fleet, uint32_t index, const struct gen_node *node,
                   struct arena *arena, struct tree *out);

#endif
