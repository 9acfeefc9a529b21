/* host/ib_sysfs - a copied or live /sys/class/infiniband tree.
 *
 * Every ".../<device>/ports/<N>/state" is a port, wherever in the tree it stands. Its source is the
 * port's folder; line i of the source's text is one file of it, as "name: value". A link "device"
 * of the RDMA device (or the class entry itself) gives the PCI function. */
#ifndef HOST_IB_SYSFS_H
#define HOST_IB_SYSFS_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

#define IB_PORTS_MAX 1024

/* Returns 0 or -ENOMEM. */
int ib_sysfs_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
