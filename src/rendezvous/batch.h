/* rendezvous/batch - what proxies and the store say to each other, as bytes.
 *
 * Both directions are a head and items until the end. An item is its kind (u8) and the parts that
 * `kinds` in batch.c lists; numbers are LEB128, signed ones zigzag, texts have their length first.
 *
 * Up: requests, numbered one by one from `first` for each incarnation of a node. Down: messages are
 * numbered too; `processed` is the highest request number that this and earlier messages answer. */
#ifndef RENDEZVOUS_BATCH_H
#define RENDEZVOUS_BATCH_H

#include "base/str.h"

#include <stdint.h>

enum batch_kind {
    /* Up. READ asks for a key's state and to be told of changes. */
    UP_READ = 1,    /* key, amount: clients that begin to wait for it, READ_WHOLE */
    UP_POLL,        /* key: ADD 0, and its changes from now on */
    UP_UNPOLL,      /* key */
    UP_UNWAIT,      /* key, amount: so many clients have stopped waiting */
    UP_SET,         /* key, value */
    UP_COMPARE_SET, /* key, value: expected, other: desired; BYTES */
    UP_ADD,         /* key, amount; NUMBER */
    UP_DELETE,      /* key; NUMBER */
    UP_APPEND,      /* key, value */
    UP_PUSH,        /* key, value: the end of a queue */
    UP_POP,         /* key; POPPED */
    UP_LEN,         /* key; NUMBER */
    UP_COUNT,       /* of keys; NUMBER */
    UP_LIST,        /* KEYS */

    /* Down: the state of keys ... */
    DOWN_ABSENT, /* key: you will be told when it is there */
    DOWN_VALUE,  /* key, value, amount: KEEP_* */
    DOWN_EXISTS, /* key, amount: KEEP_*: without its value */
    DOWN_DROP,   /* key: what you keep of it is old, and you will not be told again */
    DOWN_WAKE,   /* key: a queue; one of the clients that wait for it may go on */
    /* ... and answers to the request `number` */
    DOWN_NUMBER, /* number, amount */
    DOWN_BYTES,  /* number, value */
    DOWN_POPPED, /* number, amount: length before, value */
    DOWN_KEYS,   /* number, amount: how many, value: texts one behind the other */
    DOWN_ERROR,  /* number, value: a sentence; the client that asked is hung up on */
    BATCH_KINDS,
};

#define READ_WHOLE 1 /* the value too, however long it is; amount is waits << 1 | this */

#define KEEP_COPY  1 /* it may be kept: changes will be told */
#define KEEP_POLL  2 /* it is a polled counter: new values will come */
#define KEEP_QUEUE 4 /* exists as a queue: true of this moment alone */

struct item {
    enum batch_kind kind;
    uint64_t number;
    struct str key, value, other;
    int64_t amount;
};

struct up_head {
    uint64_t ack;   /* the last message from above that has come */
    uint64_t first; /* number of the first request */
};

struct down_head {
    uint64_t incarnation;
    uint64_t number;
    uint64_t processed;
};

void batch_put_up(struct buf *out, const struct up_head *head);
void batch_put_down(struct buf *out, const struct down_head *head);
void batch_put(struct buf *out, const struct item *item);
void batch_put_text(struct buf *out, struct str text);

/* Cut the head off. Returns 0 or -EPROTO. */
int batch_take_up(struct str *rest, struct up_head *head);
int batch_take_down(struct str *rest, struct down_head *head);

/* Cut the next item off; texts point into the bytes. `up`: which direction is meant. Returns 1, 0
 * (the end) or -EPROTO. */
int batch_take(struct str *rest, bool up, struct item *item);

/* Cut a text off, as batch_put_text left it. */
bool batch_take_text(struct str *rest, size_t max, struct str *text);

void batch_put_number(struct buf *out, uint64_t number);
bool batch_take_number(struct str *rest, uint64_t *number);

#endif
