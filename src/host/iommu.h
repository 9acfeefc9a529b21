/* host/iommu - is an IOMMU in use, whose, and does it translate: the sysfs trees of IOMMU groups
 * and units, as facts `iommu.*`. */
#ifndef HOST_IOMMU_H
#define HOST_IOMMU_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* Returns 0 or -ENOMEM. Without groups it says so only for a tree that was taken whole (it has
 * proc/cmdline and PCI devices): a copied part of /sys proves nothing. */
int iommu_tree_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
