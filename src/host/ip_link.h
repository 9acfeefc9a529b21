/* host/ip_link - `ip [-s] link`, `ip addr`: MTU, state, MAC and counters of interfaces. */
#ifndef HOST_IP_LINK_H
#define HOST_IP_LINK_H

#include "base/err.h"
#include "facts/node.h"

#define IP_INTERFACES_MAX 4096

bool ip_link_looks_like(struct str text);

/* Interfaces of containers and tunnels are left out. Returns 0 or -ENOMEM. */
int ip_link_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
