/* pci/sysfs - the folder .../bus/pci/devices/ of a node's tree to facts.
 *
 * A device's `config` is decoded by pci/config; what no byte tells comes from the files beside it:
 * sizes from `resource`, NUMA node, IOMMU group, driver, error counters (aer_dev_*), and the ids
 * when the config can't be read. Physical slots come from .../bus/pci/slots/. */
#ifndef PCI_SYSFS_H
#define PCI_SYSFS_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* The tree may hold the folder under any prefix ("sys/bus/pci/devices/", "n1/sys/bus/..."). Each
 * file that gave facts is a source "<tree name>:<path>"; sources point into the tree's bytes. A
 * file that makes no sense is left out and told with node_add_unseen. A tree without the folder
 * gives no facts. Returns 0 or -ENOMEM. */
int pci_sysfs_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
