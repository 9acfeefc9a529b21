/* rendezvous/tcpstore - the bytes of PyTorch's TCPStore, as its server sees them.
 *
 * Three dialects, recognised from a connection's first bytes (reference: PyTorch's
 * TCPStoreBackend.cpp and TCPStoreLibUvBackend.cpp; torch 1.13 by capture):
 *  - torch 1.13: no handshake; u8 codes SET 0 .. DELETE_KEY 8; torch 2.0 added APPEND 9 ..
 *    CANCEL_WAIT 12 to them
 *  - torch 2.1:  u32 magic 0x3C85F7CE before every u8 code; WATCH_KEY is gone, so DELETE_KEY is 7
 *  - torch 2.2+: VALIDATE (0) with the magic first, then codes SET 1 .. CANCEL_WAIT 12; PING 13
 * from 2.4, queues 14 .. 16 from 2.8; LIST_KEYS and BARRIER are in the sources of 2026 in this
 * order, their codes 17 and 18 follow from it and were not seen on a wire Little-endian; texts have
 * a u64 length in front. The answers are the same in all dialects. */
#ifndef RENDEZVOUS_TCPSTORE_H
#define RENDEZVOUS_TCPSTORE_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdint.h>

#define KV_KEY_BYTES_MAX   8192
#define KV_VALUE_BYTES_MAX (8u << 20)
#define KV_KEYS_MAX        (128u << 10) /* in one request */
#define KV_REQUEST_MAX     (32u << 20)  /* bytes of one request */

enum kv_verb {
    KV_SET = 1,
    KV_COMPARE_SET,
    KV_GET,
    KV_ADD,
    KV_CHECK,
    KV_WAIT,
    KV_GETNUMKEYS,
    KV_WATCH_KEY, /* torch 1.13; answered, then silent as theirs: we never call back */
    KV_DELETE_KEY,
    KV_APPEND,
    KV_MULTI_GET,
    KV_MULTI_SET,
    KV_CANCEL_WAIT,
    KV_PING,
    KV_QUEUE_PUSH,
    KV_QUEUE_POP,
    KV_QUEUE_LEN,
    KV_LIST_KEYS,
    KV_BARRIER, /* adds 1 to the key and waits until it is at least `amount` */
};

enum kv_dialect { KV_DIALECT_NONE, KV_DIALECT_113, KV_DIALECT_21, KV_DIALECT_22 };

struct kv_request {
    enum kv_verb verb;
    uint32_t key_count;       /* keys in `keys`; 1 for most verbs */
    const struct str *keys;   /* into the bytes that were parsed */
    const struct str *values; /* MULTI_SET: one a key; COMPARE_SET: expected, desired; else one */
    int64_t amount;           /* ADD; PING's nonce; BARRIER's world size */
};

/* One connection's bytes, cut into requests. Zero-initialise; tcpstore_done frees. */
struct tcpstore {
    enum kv_dialect dialect; /* NONE: too few bytes so far */
    struct buf in;
    size_t at;   /* in `in`: where the next request begins */
    size_t need; /* length of `in` below which it cannot be complete */
    VEC(struct str) keys;
    VEC(struct str) values;
};

void tcpstore_done(struct tcpstore *conn);

/* Add what came from the socket. Returns 0 or -ENOMEM. */
int tcpstore_feed(struct tcpstore *conn, struct str bytes);

/* The next request. Returns 1 (*out is valid until the next call with this connection), 0 (more
 * bytes are needed), -EPROTO with a sentence (hang up), or -ENOMEM. */
int tcpstore_next(struct tcpstore *conn, struct kv_request *out, struct err *err);

/* What the next request will be, as far as its first bytes tell: 0 when they have not come. */
enum kv_verb tcpstore_peek(const struct tcpstore *conn);

const char *tcpstore_verb_name(enum kv_verb verb); /* "COMPARE_SET" */

/* Answers. SET, APPEND, MULTI_SET and QUEUE_PUSH have none. */
void tcpstore_answer_value(struct buf *out,
                           struct str value); /* GET, COMPARE_SET; each of MULTI_GET */
void tcpstore_answer_number(struct buf *out, int64_t number); /* ADD, GETNUMKEYS, DELETE, LEN */
void tcpstore_answer_check(struct buf *out, bool ready);
void tcpstore_answer_wait(struct buf *out); /* WAIT, BARRIER: there */
void tcpstore_answer_cancelled(struct buf *out);
void tcpstore_answer_watch(struct buf *out);
void tcpstore_answer_ping(struct buf *out, uint32_t nonce);
/* `count` is the queue's length before; the value is sent when that is not 0. */
void tcpstore_answer_pop(struct buf *out, int64_t count, struct str value);
/* LIST_KEYS: this, then each key by tcpstore_answer_value. */
void tcpstore_answer_key_count(struct buf *out, int64_t count);

#endif
