/* fleetgen/noise - what differs between healthy nodes of one kind, from a seed. */
#ifndef FLEETGEN_NOISE_H
#define FLEETGEN_NOISE_H

#include "base/rng.h"
#include "render.h"

struct node_noise {
    struct lspci_noise lspci;
    uint64_t seed; /* of this node */
    uint64_t uptime_s;
    char hostname[24];
};

/* How much of it. All 0: a node that differs in serial numbers and the like only. */
struct noise_share {
    double shifted_buses;     /* nodes where some bus numbers are shifted */
    double shifted_addresses; /* nodes whose prefetchable windows lie elsewhere */
    double corrected;         /* functions with a sticky corrected error from enumeration */
    double old_lspci;         /* nodes that ran lspci 3.6 */
    double quirks;            /* nodes with a harmless deviation of their own */
};

void noise_make(const struct variant *variant, const struct noise_share *share, uint64_t seed,
                const char *hostname, struct node_noise *noise);

/* A stream of random numbers for one purpose on this node; the same every time. */
struct rng noise_rng(const struct node_noise *noise, uint64_t purpose);

#endif
