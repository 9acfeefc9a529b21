/* host/ibnetdiscover - to which switch port is each RDMA port of this node cabled?
 *
 * The text shows the whole fabric. Ports of this node are known by GUID (from sysfs, ibstat or
 * ibv_devinfo, read before) or by their description ("n001 mlx5_0" when the host name is known).
 * They get `fabric.peer` ("<switch> port 25") and `fabric.link` ("4xNDR"); the host gets how many
 * switches, adapters and links of each kind there are. */
#ifndef HOST_IBNETDISCOVER_H
#define HOST_IBNETDISCOVER_H

#include "base/err.h"
#include "facts/node.h"

#define FABRIC_LINK_KINDS_MAX 32

bool ibnetdiscover_looks_like(struct str text);

/* Returns 0 or -ENOMEM. */
int ibnetdiscover_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
