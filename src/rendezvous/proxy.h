/* rendezvous/proxy - the agent's half of the store: it speaks TCPStore with a node's ranks.
 *
 * What it has learnt of a key it answers to other clients too, as long as the store has not told of
 * a change; a client that reads the same key again is answered from above.
 *
 * No I/O. Bytes of client connections come in; answers come out, either at once from what is known
 * here, or when the controller has answered. Equal requests of several clients become one; ADDs to
 * one key become one with the sum, and each client gets a number of its own; a SET needs no answer.
 * One proxy serves one attempt and is thrown away with it.
 *
 * The same object serves PMI-1 clients (rendezvous/pmi.h), whose key-value space and barrier are
 * keys of the same store. */
#ifndef RENDEZVOUS_PROXY_H
#define RENDEZVOUS_PROXY_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PROXY_CLIENTS_MAX 65536

struct proxy;
struct proxy_client;

struct proxy_out {
    void *data;
    void (*reply)(void *data, void *client_data, struct str bytes);
    void (*hang_up)(void *data, void *client_data, const char *why); /* then proxy_client_gone */
    void (*up)(void *data, struct str bytes); /* a batch for the controller: kv_take */
    /* A PMI-1 client has ended the job (MPI_Abort) and waits to be killed. Optional. */
    void (*aborted)(void *data, void *client_data, int exit_code);
};

struct proxy_limits {
    uint32_t world, first_rank, nproc, node_rank; /* for PMI and for sentences */
};

struct proxy *proxy_new(uint64_t incarnation, const struct proxy_limits *limits,
                        const struct proxy_out *out);
void proxy_free(struct proxy *proxy);

/* A connection. NULL: too many, or no memory. */
struct proxy_client *proxy_client_new(struct proxy *proxy, void *client_data);
void proxy_client_gone(struct proxy *proxy, struct proxy_client *client);

/* A PMI-1 client: its rank is known, it is in local order. */
struct proxy_client *proxy_pmi_new(struct proxy *proxy, void *client_data, uint32_t rank);

/* What came. Requests are gathered; proxy_flush sends them upwards (call it once a loop turn). */
void proxy_take(struct proxy *proxy, struct proxy_client *client, struct str bytes);
void proxy_flush(struct proxy *proxy);

/* From the controller. Returns 0 or -EPROTO. */
int proxy_answer(struct proxy *proxy, struct str bytes, struct err *err);

/* The controller is back: everything unanswered goes up again, in the same order and numbers. */
void proxy_link_up(struct proxy *proxy);

/* Which rank a connection belongs to, once somebody has found out; else -1. */
void proxy_client_set_rank(struct proxy_client *client, int64_t rank);
int64_t proxy_client_rank(const struct proxy_client *client);

/* The key this client waits for, and since when; false: it does not wait. */
bool proxy_client_waits(const struct proxy_client *client, struct str *key, int64_t *since_ms);
void proxy_set_now(struct proxy *proxy, int64_t now_ms);

#endif
