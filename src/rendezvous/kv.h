/* rendezvous/kv - the key-value store of one attempt: the truth, which the controller holds.
 *
 * Agents answer their own ranks (rendezvous/proxy.h) and send what they can't answer here, many
 * requests a batch. No I/O: bytes come in, bytes go out, time is a parameter.
 *
 * Causality: the store is where all requests meet in one order, and each node's answers arrive in
 * order. A node that holds a copy of a value is told of a change before it is told anything that
 * happened after it; so what a rank reads is never older than what it could know of.
 *
 * Counters that many nodes poll (torch's barriers ask ADD 0 every 10 ms) are pushed to the nodes
 * that asked, at most every KV_PUSH_MS, later when very many ask.
 *
 * Crash: every batch that came in, and what the owner sets, is a record in a journal, and the store
 * is a function of them. So one that is read back from its journal has the same keys, and answers a
 * repeated batch as before it died.
 *
 * When there is no memory, kv_take says -ENOMEM from then on: the attempt is over. */
#ifndef RENDEZVOUS_KV_H
#define RENDEZVOUS_KV_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "rendezvous/tcpstore.h"

#include <stdint.h>

#define KV_BYTES_MAX ((size_t)2 << 30) /* keys and values of one attempt */
#define KV_PUSH_MS   5 /* and 1 ms more for each 50 nodes that listen to one that still moves */

struct kv;

/* nodes: how many node ranks there will be. NULL when there is no memory. */
struct kv *kv_new(uint32_t nodes, size_t bytes_max);
void kv_free(struct kv *kv);

/* What goes out: `send` for each node that has something, in order, and `journal` first. A journal
 * that can't be written is the caller's to keep: it must not send before it is. */
struct kv_out {
    void *data;
    void (*journal)(void *data, struct str bytes); /* NULL: none */
    void (*send)(void *data, uint32_t node, struct str bytes);
    /* A node has set this key; once for each SET, not again for one that is repeated. NULL: nobody
     * wants to know. The texts are gone afterwards. */
    void (*stored)(void *data, uint32_t node, struct str key, struct str value);
};

/* A batch from a node. Garbage is -EPROTO with a sentence, and nothing of it counts. */
int kv_take(struct kv *kv, uint32_t node, uint64_t incarnation, struct str bytes, int64_t now_ms,
            const struct kv_out *out, struct err *err);

/* What the store's owner sets and deletes: in the journal, and told, as if a node had asked for it.
 * Returns 0, -ENOSPC (the store is full), -EMSGSIZE (a text longer than a node's may be), -ENOMEM.
 * To delete what is not there is well. */
int kv_set(struct kv *kv, struct str key, struct str value, int64_t now_ms,
           const struct kv_out *out);
int kv_delete(struct kv *kv, struct str key, int64_t now_ms, const struct kv_out *out);

/* Push what is due; also after a kv_take, which may make something due. Returns when to call again
 * (the time, in ms), or -1: nothing waits. */
int64_t kv_tick(struct kv *kv, int64_t now_ms, const struct kv_out *out);

/* A new connection of the node (of the same or a new agent): what was sent and not acknowledged is
 * sent again. */
void kv_node_up(struct kv *kv, uint32_t node, const struct kv_out *out);

/* Read a journal back, before anything else. A torn end is cut off: *good is the length that
 * counts. Returns 0 or -EPROTO (not a journal of ours), -ENOMEM. */
int kv_replay(struct kv *kv, struct str journal, size_t *good, struct err *err);

/* Keys that somebody waits for and nobody has set, the most waited-for first. */
struct kv_wait {
    struct str key;
    uint32_t nodes;      /* that wait */
    uint32_t first_node; /* the lowest */
    int64_t since_ms;
};
size_t kv_waits(const struct kv *kv, struct kv_wait *waits, size_t max);

size_t kv_key_count(const struct kv *kv);
size_t kv_bytes(const struct kv *kv);
/* For tests and `firstlight show`: the value of a key; false: not there. */
bool kv_peek(const struct kv *kv, struct str key, struct str *value);

#endif
