/* coll/ring - a stream of messages in shared memory: one writer, one or more readers who each get
 * every byte.
 *
 * Positions count bytes for ever and are published after the bytes they stand for, so a process
 * that is killed in the middle of a copy has written nothing that anybody looks at. No locks. */
#ifndef COLL_RING_H
#define COLL_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RING_LINE  64           /* messages begin on cache lines */
#define RING_CHUNK (128u << 10) /* copied before the other side is told */

struct ring_position {
    _Alignas(RING_LINE) _Atomic uint64_t at;
};

/* Where it lies in this process's memory. */
struct ring {
    struct ring_position *tail;  /* the writer's */
    struct ring_position *heads; /* (readers) */
    size_t readers;
    char *data;
    size_t space; /* a power of two, at least RING_LINE */
};

/* One message on its way through a ring, as the writer or one reader sees it. */
struct ring_message {
    struct ring ring;
    char *p;
    size_t bytes;
    uint64_t call; /* which exchange it belongs to */
    uint64_t done; /* of ring_length(bytes) */
    size_t reader;
};

/* What a message takes of a ring: a line for its head, then its bytes in whole lines. */
static inline uint64_t ring_length(uint64_t bytes)
{
    return RING_LINE + (bytes + RING_LINE - 1) / RING_LINE * RING_LINE;
}

/* Copy what can be copied now. Returns how far it got (0: nothing), or for ring_read -EPROTO:
 * *sent_bytes, *sent_call are what the writer's message says, else nonsense is in the ring. */
int64_t ring_write(struct ring_message *message);
int64_t ring_read(struct ring_message *message, uint64_t *sent_bytes, uint64_t *sent_call);

#endif
