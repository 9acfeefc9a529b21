/* ranks/store_port - the sockets by which a node's ranks speak with their attempt's store.
 *
 * A listening socket on loopback, whose port is taken before anybody is told of it, and a socket
 * pair for each rank that speaks PMI-1. What they mean is rendezvous/proxy's business. One store
 * port serves one attempt; freeing it closes every connection. */
#ifndef RANKS_STORE_PORT_H
#define RANKS_STORE_PORT_H

#include "base/err.h"
#include "base/str.h"
#include "rendezvous/proxy.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_PORT_QUEUE_MAX ((size_t)64 << 20) /* answers that a client does not read */
#define STORE_PORT_READ_MAX  65536              /* bytes read at once from one client */
#define STORE_PORT_KNOW_MS   500                /* after accepting: whose connection is it? */

struct store_port;

struct store_port_watch {
    void *data;
    void (*up)(void *data, struct str bytes); /* a batch for the controller */
    /* The node's rank whose connection comes from this port of loopback; -1: not known. */
    int64_t (*rank_of)(void *data, uint16_t peer_port);
    /* It has called MPI_Abort, and waits to be killed. */
    void (*aborted)(void *data, uint32_t local_rank, int exit_code);
};

/* `listens`: false when the job's ranks host their own store; PMI-1 is served all the same. */
struct store_port *store_port_open(struct event_base *base, uint64_t incarnation,
                                   const struct proxy_limits *limits, bool listens,
                                   const struct store_port_watch *watch, struct err *err);
void store_port_free(struct store_port *port);

uint16_t store_port_number(const struct store_port *port); /* 0: it does not listen */

/* A socket pair for a rank's PMI-1. Returns the rank's end, which is the caller's, or an errno. */
int store_port_pmi(struct store_port *port, uint32_t local_rank, struct err *err);

/* From the controller; and when it is back. */
int store_port_answer(struct store_port *port, struct str bytes, struct err *err);
void store_port_link_up(struct store_port *port);

/* Has this rank of the node ever spoken to the store? */
bool store_port_connected(const struct store_port *port, uint32_t local_rank);
/* For each rank of the node the key that it waits for, or an empty one; valid until the next turn
 * of the loop. `waits` has limits->nproc items. */
void store_port_waits(const struct store_port *port, struct str *waits);

#endif
