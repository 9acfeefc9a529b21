/* rendezvous/tcpstore - the bytes of PyTorch's TCPStore, as its server sees them.
 *
 * Three dialects, recognised from a connection's first bytes (reference: PyTorch's
 * TCPStoreBackend.cpp; torch 1.13 by capture):
 *  - torch 1.13: no handshake; u8 codes SET 0 .. DELETE_KEY 8
 *  - torch 2.1:  u32 magic 0x3C85F7CE before every u8 code
 *  - torch 2.2+: VALIDATE (0) with the magic first, then codes SET 1 .. ; PING from 2.4
 * Little-endian; texts have a u64 length in front. */
#ifndef RENDEZVOUS_TCPSTORE_H
#define RENDEZVOUS_TCPSTORE_H

#include "base/err.h"
#include "base/str.h"

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
};

enum kv_dialect { KV_DIALECT_NONE, KV_DIALECT_113, KV_DIALECT_21, KV_DIALECT_22 };

struct kv_request {
    enum kv_verb verb;
    uint32_t key_count;       /* keys in `keys`; 1 for most verbs */
    const struct str *keys;   /* into the bytes that were parsed */
    const struct str *values; /* MULTI_SET: one a key; COMPARE_SET: expected, desired; else one */
    int64_t amount;           /* ADD; PING's nonce */
};

#endif
