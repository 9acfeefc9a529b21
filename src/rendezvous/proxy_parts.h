/* rendezvous/proxy_parts - what the parts of the proxy share: keys as known here, clients and what
 * they wait for, requests on their way up. */
#ifndef RENDEZVOUS_PROXY_PARTS_H
#define RENDEZVOUS_PROXY_PARTS_H

#include "base/vec.h"
#include "rendezvous/batch.h"
#include "rendezvous/pmi.h"
#include "rendezvous/proxy.h"
#include "rendezvous/table.h"
#include "rendezvous/tcpstore.h"

#define PROXY_COPY_BYTES_MAX ((size_t)64 << 20) /* more than that, and all copies are forgotten */
#define PROXY_ENTRIES_MAX    (1u << 20) /* more keys, and all but those waited for are forgotten */
#define PROXY_LOG_BYTES_MAX  ((size_t)128 << 20) /* requests that the controller has not seen */
#define NOT_SENT             UINT64_MAX          /* number of a request that waits for the flush */

/* One key that one client waits to know something of. */
struct waiter {
    struct op *op;
    struct entry *entry;
    struct waiter *next, *prev; /* in the entry */
    uint64_t need;              /* the request whose answer it is content with */
    bool done;
    bool settled; /* WAIT: the key was not there when we asked */
    char *value;  /* kept for MULTI_GET */
    size_t len;
};

/* What one client is waiting for. */
struct op {
    enum kv_verb verb;
    struct proxy_client *client; /* NULL: gone, and the answer is thrown away */
    int64_t amount;              /* ADD, BARRIER: to add */
    int64_t target;              /* BARRIER: to reach */
    uint32_t count, left;        /* waiters, and those not done */
    bool missing;                /* CHECK: a key is not there */
    struct op *next;             /* ADDs that go up together */
    struct waiter waiters[];
};

enum entry_state { ENTRY_UNKNOWN, ENTRY_ABSENT, ENTRY_VALUE, ENTRY_EXISTS };

/* What is known of a key. */
struct entry {
    struct named named;
    enum entry_state state;
    bool kept;      /* the store will tell of changes; else what is known is of this message */
    bool polled;    /* ... and of each new value */
    bool queue;     /* EXISTS as a queue */
    bool touched;   /* in proxy->touched: this message spoke of it */
    bool listed;    /* in proxy->asks */
    bool ask_whole; /* READ with its value */
    bool ask_read, ask_poll;
    uint32_t ask_waits;
    uint32_t idle;       /* new values of a counter that nobody has looked at */
    uint64_t read, poll; /* numbers of the last such requests */
    uint64_t wrote;      /* number of the last request from here that may change it */
    uint64_t readers;    /* a bit for each client (modulo 64) that has read this copy */
    char *value;
    size_t len;
    struct waiter *first, *last;
    struct op *adds; /* not sent */
    char name[];
};

struct proxy_client {
    void *data;
    struct proxy *proxy;
    struct tcpstore conn;
    struct pmi *pmi; /* else NULL */
    uint64_t id;     /* generation << 16 | slot */
    int64_t rank;
    uint64_t last;   /* number of its last request that went up */
    struct op *op;   /* what it is blocked in, or NULL */
    struct op *wait; /* its WAIT or BARRIER: does not keep it from asking other things */
    int64_t wait_since_ms;
    bool dead;   /* hung up on */
    bool queued; /* in proxy->ready */
    bool running;
};

/* A request that has gone up, or will with the next flush. */
struct flight {
    enum batch_kind kind;
    bool answered;
    uint32_t bytes;  /* in proxy->log */
    uint64_t client; /* id of who gave it; for SET and the like */
    struct op *ops;  /* who wait for its answer */
    struct entry *entry;
};

struct proxy {
    uint64_t incarnation;
    struct proxy_limits limits;
    struct proxy_out out;
    int64_t now_ms;
    struct table entries;
    size_t copy_bytes;
    size_t forget_at;            /* this many entries: forget */
    struct proxy_client **slots; /* PROXY_CLIENTS_MAX at most, grown as needed */
    uint32_t slot_count, slot_space, free_count;
    uint32_t *free_slots;
    uint64_t generation;
    VEC(struct entry *) asks;
    VEC(struct entry *) touched;
    VEC(uint64_t) ready; /* ids of clients that may go on */

    /* Requests, numbered from 1. */
    VEC(struct flight) flights;
    size_t flight_head;      /* index of the oldest */
    uint64_t flight_number;  /* its number */
    uint64_t processed;      /* by the store */
    struct buf log;          /* encoded requests that the store has not processed */
    size_t log_at, log_sent; /* where they begin; what has been sent */
    uint64_t log_number;     /* of the first in the log */
    uint64_t sent_number;    /* of the first that was not sent */
    uint64_t received, acked;
    size_t unacked_bytes;
    bool failed; /* no memory */
};

/* proxy_entry.c: keys. */
struct entry *entry_need(struct proxy *proxy, struct str name); /* NULL: no memory */
void entry_tidy(struct proxy *proxy, struct entry *entry);
void entry_free(struct entry *entry);
void entry_forget(struct proxy *proxy, struct entry *entry);
void entry_learn(struct proxy *proxy, struct entry *entry, enum entry_state state, struct str value,
                 int64_t keep);
void entry_touch(struct proxy *proxy, struct entry *entry);
bool entry_number(const struct entry *entry, int64_t *number);

/* proxy_up.c: requests and their numbers. */
/* What is to be known of a key goes up with the next flush, one request for all who ask. */
void up_ask(struct proxy *proxy, struct entry *entry);
void up_ask_all(struct proxy *proxy);
/* New values of a counter that nobody looks at are not to come any more. */
void up_unpoll_idle(struct proxy *proxy, struct entry *entry);
struct flight *up_add(struct proxy *proxy, const struct item *item, struct entry *entry);
uint64_t up_last(const struct proxy *proxy); /* number of the request added last */
struct flight *up_find(struct proxy *proxy, uint64_t number);
bool up_has_answer(enum batch_kind kind);
void up_processed(struct proxy *proxy, uint64_t number);
void up_send(struct proxy *proxy);

/* proxy_op.c: what a client asks and waits for. */
struct op *op_new(struct proxy_client *client, enum kv_verb verb, uint32_t count);
void op_free(struct proxy *proxy, struct op *op);
void waiter_link(struct waiter *waiter);
void waiter_unlink(struct waiter *waiter);

/* proxy_client.c: a client. */
void client_reply(struct proxy_client *client, const struct buf *bytes);
void client_hang_up(struct proxy_client *client, const char *why);
void client_done(struct proxy_client *client, struct op *op); /* its answer is out */
/* An op that is on its way up stays until its answer comes; others end here. */
void client_let_go(struct proxy *proxy, struct op **op);
/* A request that has no answer. */
void client_tell(struct proxy_client *client, const struct item *item);
void client_set(struct proxy_client *client, struct str key, struct str value); /* as SET */
/* ADD, or BARRIER: then until the sum has reached the target. */
void client_add(struct proxy_client *client, enum kv_verb verb, struct str key, int64_t amount,
                int64_t target);
struct proxy_client *client_find(struct proxy *proxy, uint64_t id);

/* proxy_wait.c: what clients wait for. */
/* Begins; may end at once. False: no memory. */
bool wait_for_keys(struct proxy *proxy, struct proxy_client *client, enum kv_verb verb,
                   const struct str *keys, uint32_t count);
void wait_resolve(struct proxy *proxy, struct entry *entry);
void wait_wake(struct proxy *proxy, struct entry *entry);
/* The sum of an ADD or a BARRIER, as this client may know it. */
void wait_number(struct proxy *proxy, struct op *op, struct entry *entry, int64_t number);

/* proxy_pmi.c */
bool pmi_run_one(struct proxy *proxy, struct proxy_client *client);

/* proxy.c: those that have been answered may have asked more. */
void clients_run(struct proxy *proxy);

#endif
