/* host/ibdev2netdev - `ibdev2netdev [-v]` and `rdma link`: which network interface and PCI function
 * belongs to an RDMA port. */
#ifndef HOST_IBDEV2NETDEV_H
#define HOST_IBDEV2NETDEV_H

#include "base/err.h"
#include "facts/node.h"

bool ibdev2netdev_looks_like(struct str text);

/* `ib.netdev`, `ib.pci`, `ib.fw`, `ib.hca_type`, `ib.state`, `ib.phys_state`. Unknown lines are
 * skipped. Returns 0 or -ENOMEM. */
int ibdev2netdev_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
