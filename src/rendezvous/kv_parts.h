/* rendezvous/kv_parts - what the parts of the store share: keys and the sessions of nodes. */
#ifndef RENDEZVOUS_KV_PARTS_H
#define RENDEZVOUS_KV_PARTS_H

#include "base/vec.h"
#include "rendezvous/batch.h"
#include "rendezvous/kv.h"
#include "rendezvous/table.h"

#define KV_COPY_BYTES_MAX 4096u /* a longer value is not sent along with the news of its key */
#define KV_POLLS_MAX      16    /* counters that one node polls at a time */

/* A node that is told what becomes of a key. */
struct holder {
    uint32_t node;
    uint32_t waits; /* clients there that wait for it */
};

struct queued {
    struct queued *next;
    size_t len;
    char bytes[];
};

struct kv_key {
    struct named named;
    char *value;
    size_t len;
    bool exists;
    bool changed; /* it has had two values: no copies are given any more */
    bool dirty;   /* in kv->dirty: pollers wait for the new value */
    VEC(struct holder) holders;
    size_t first_wait; /* no holder before this one waits */
    VEC(uint32_t) pollers;
    uint64_t version;
    int64_t changed_ms, pushed_ms, waits_since_ms;
    struct queued *first, *last;
    size_t queued;
    char name[];
};

/* A message down that has not been acknowledged. */
struct sent {
    struct sent *next;
    uint64_t number;
    size_t len;
    char bytes[];
};

struct session {
    uint64_t incarnation; /* 0: the node has never spoken */
    uint64_t last;        /* the request that was processed last */
    uint64_t told;        /* ... as the node knows */
    uint64_t number;      /* of the last message down */
    struct buf items;     /* of the next message */
    struct sent *first, *last_sent;
    struct {
        struct kv_key *key;
        uint64_t version; /* that the node has */
    } polls[KV_POLLS_MAX];
    uint32_t poll_count;
    bool owes_poll; /* a counter's first value must go out */
    bool touched;   /* in kv->touched */
};

struct kv {
    uint32_t nodes;
    size_t bytes, bytes_max;
    size_t key_count; /* that exist */
    struct table keys;
    struct session *sessions;
    VEC(uint32_t) touched; /* nodes with items */
    VEC(struct kv_key *) dirty;
    int64_t now_ms;
    bool failed;    /* no memory: what we hold is not what the journal says */
    bool journaled; /* the journal's head is written */
    const struct kv_out *out;
};

/* kv_session.c: what goes to a node. */
void session_put(struct kv *kv, uint32_t node, const struct item *item);
void session_touch(struct kv *kv, uint32_t node);
void session_flush(struct kv *kv, uint32_t node);
void session_flush_all(struct kv *kv);
void session_acknowledge(struct session *session, uint64_t number);
void session_reset(struct kv *kv, uint32_t node, uint64_t incarnation);
void session_done(struct session *session);
/* A counter, of KV_POLLS_MAX at most; asked for again it is the newest. */
void session_poll(struct kv *kv, uint32_t node, struct kv_key *key);
bool session_polls(const struct session *session, const struct kv_key *key);
void session_unpoll(struct kv *kv, uint32_t node, struct kv_key *key);
void session_unpoll_all(struct kv *kv, struct kv_key *key);

/* kv_keys.c: the keys and who is told of them. */
struct kv_key *key_find(struct kv *kv, struct str name);
/* Also when it does not exist yet; NULL: the store is full (or kv->failed). */
struct kv_key *key_need(struct kv *kv, struct str name);
/* False: the store is full. */
bool key_put(struct kv *kv, struct kv_key *key, struct str value);
bool key_delete(struct kv *kv, struct kv_key *key);
bool key_push(struct kv *kv, struct kv_key *key, struct str value);
void key_pop(struct kv *kv, struct kv_key *key, uint32_t node, uint64_t number);
void key_hold(struct kv *kv, struct kv_key *key, uint32_t node, uint32_t waits);
void key_unwait(struct kv *kv, struct kv_key *key, uint32_t node, uint32_t waits);
/* The node polls it, and no longer the oldest of too many. */
void key_poll(struct kv *kv, struct kv_key *key, uint32_t node);
void key_forget_node(struct kv *kv, uint32_t node);
/* Freed when nobody needs it any more. */
void key_tidy(struct kv *kv, struct kv_key *key);
void key_free(struct kv_key *key);

/* kv_requests.c: one request. */
void request_do(struct kv *kv, uint32_t node, uint64_t number, const struct item *item);

/* kv_journal.c */
void journal_batch(struct kv *kv, uint32_t node, uint64_t incarnation, struct str bytes);
void journal_own(struct kv *kv, const struct item *item);
void journal_tick(struct kv *kv);

enum journal_kind { RECORD_BATCH = 1, RECORD_TICK, RECORD_OWN };

struct journal_record {
    enum journal_kind kind;
    uint32_t node; /* of RECORD_BATCH, as the next two */
    uint64_t incarnation;
    struct str batch;
    struct item item; /* of RECORD_OWN: UP_SET or UP_DELETE */
    int64_t now_ms;
};
/* Both take what they read off *rest. 1: there was one; 0: the journal ends, whole or torn; or
 * -EPROTO. */
int journal_take_head(struct str *rest, struct err *err);
int journal_next(struct str *rest, struct journal_record *out, struct err *err);

#endif
