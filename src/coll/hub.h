/* coll/hub - what all ranks know of each other, kept by rank 0: they tell it their cards, it gives
 * everybody the list of them, and it says which rank fell first.
 *
 * No I/O and no clock: hub_thread moves the bytes and tells the time. Each rank has one connection
 * from the meeting to its end, so one that ends without a word is a death. */
#ifndef COLL_HUB_H
#define COLL_HUB_H

#include "base/str.h"
#include "coll/fall.h"

#define HUB_STRANGERS_MAX 32 /* connections that have not said who they are */
#define HUB_STRANGER_MS   10000
#define HUB_LIST_MAX      (8u << 20)
#define HUB_NOTE_MS       5000 /* then rank 0 hears for whom all wait */
#define HUB_SUSPECT_MS    500  /* before one rank's word on another counts */

/* A message: this, then its bytes. All numbers are the machine's own: x86-64's. */
struct hub_head {
    uint32_t kind, bytes;
};

enum hub_kind {
    /* To the hub. */
    HUB_HELLO = 1, /* struct hub_hello */
    HUB_CARD,      /* what this rank tells in the next round */
    HUB_BLAME,     /* struct fall: what it knows of a fall. Its `by` is not read. */
    HUB_LEAVE,     /* nothing: the end of the connection will mean no death */
    /* From the hub. */
    HUB_LIST,    /* the round's cards: of each rank its length (32 bits) and its bytes */
    HUB_WAITING, /* struct hub_waiting */
    HUB_VERDICT, /* struct fall */
    HUB_KINDS
};

struct hub_hello {
    uint64_t token;
    uint32_t rank, size;
};

struct hub_waiting {
    uint32_t rank, missing; /* the first that has not come, and how many */
};

/* Bytes of a card: the list of all must stay below its limit. */
static inline size_t hub_card_max(size_t size)
{
    return HUB_LIST_MAX / size < 65536 ? HUB_LIST_MAX / size - 4 : 65532;
}

/* Slots for connections: 0 is rank 0's own. */
static inline size_t hub_slots(size_t size)
{
    return size + HUB_STRANGERS_MAX;
}

struct hub;

/* NULL when there is no memory. Who shows another token than this is no rank of the group. */
struct hub *hub_new(size_t size, uint64_t token, int64_t meet_ms, int64_t now_ms);
void hub_free(struct hub *hub);

/* A new connection, in a slot that is free. */
void hub_accept(struct hub *hub, size_t slot, int64_t now_ms);
/* What it sends. Negative: nonsense; it is to be closed and lost. */
int hub_feed(struct hub *hub, size_t slot, const void *bytes, size_t len, int64_t now_ms);
/* It has ended: FALL_DIED, FALL_GONE, or FALL_FAILED after nonsense. The slot is free again. */
void hub_lost(struct hub *hub, size_t slot, enum fall_why why);
/* A stranger that has been silent for too long: it is to be closed and lost. */
bool hub_is_stale(const struct hub *hub, size_t slot, int64_t now_ms);

/* What it is to be sent, until hub_sent takes it away. */
struct str hub_output(const struct hub *hub, size_t slot);
void hub_sent(struct hub *hub, size_t slot, size_t bytes);

/* Time passes. Returns for how long nothing will happen by itself; -1: for ever. */
int hub_tick(struct hub *hub, int64_t now_ms);

#endif
