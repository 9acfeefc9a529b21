/* ranks/own_ports - ports of this node that are kept for stores which ranks host themselves.
 *
 * With `store: rank0` every rank is told a MASTER_PORT before rank 0 listens on it. Each port here
 * is bound, so that nobody else gets it, and does not listen; rank 0 can bind it too, since both
 * say SO_REUSEADDR, as PyTorch, gloo and gRPC do. Attempts take them in turn: what is left of an
 * older attempt knows another port. */
#ifndef RANKS_OWN_PORTS_H
#define RANKS_OWN_PORTS_H

#include "base/err.h"

#include <stdint.h>

#define OWN_PORTS 4

struct own_ports {
    int fds[OWN_PORTS];
    uint16_t numbers[OWN_PORTS];
};

#define OWN_PORTS_NONE ((struct own_ports){.fds = {-1, -1, -1, -1}})

/* Returns 0, or a negative errno with a sentence; nothing is open then. */
int own_ports_open(struct own_ports *ports, struct err *err);
void own_ports_close(struct own_ports *ports);

#endif
