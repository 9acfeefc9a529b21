/* host/net_sysfs - a copied or live /sys/class/net tree.
 *
 * Every folder with "operstate" and "mtu" is an interface, wherever in the tree it stands; those of
 * containers and tunnels are left out. */
#ifndef HOST_NET_SYSFS_H
#define HOST_NET_SYSFS_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

#define NET_INTERFACES_MAX 1024

/* Returns 0 or -ENOMEM. */
int net_sysfs_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
