/* host/sysctl - kernel settings: `sysctl -a`, or the files below proc/sys, as facts
 * `sysctl.<name>`. */
#ifndef HOST_SYSCTL_H
#define HOST_SYSCTL_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* Each returns 0 or -ENOMEM. Settings of single interfaces (net.ipv4.conf.eth0.*) are left out:
 * every container adds some; `all` and `default` stay. */
int sysctl_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int sysctl_tree_parse(struct node *node, const struct tree *tree, struct err *err);

bool sysctl_looks_like(struct str text);

#endif
