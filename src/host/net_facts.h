/* host/net_facts - one spelling for what sysfs, ethtool, ip and the kernel's log say of a network
 * interface. */
#ifndef HOST_NET_FACTS_H
#define HOST_NET_FACTS_H

#include "facts/node.h"

/* Interfaces of the machine, not of its containers and tunnels: those come and go. */
bool net_is_physical(struct str name);

/* The subject of an interface; -1 when it is none to us. */
int net_subject(struct node *node, struct str name);

/* Counters that tell of faults are state; the rest is traffic and volatile. */
enum fact_class net_counter_class(struct str name);

/* Say on which PCI function the interface stands. */
void net_set_pci(struct node *node, uint32_t subject, uint64_t bdf);

#endif
