#include "coll/ring.h"

#include <errno.h>
#include <string.h>

struct head {
    uint64_t bytes, call;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The next chunk of the payload: `room` whole lines of the ring are there from `at` on. Says how
 * many lines' bytes that is, and in *bytes how many of the message. */
static uint64_t next_chunk(const struct ring_message *m, uint64_t at, uint64_t room, size_t *bytes)
{
    uint64_t lines = smaller(ring_length(m->bytes) - m->done, smaller(room, RING_CHUNK));

    lines = smaller(lines, m->ring.space - at % m->ring.space);
    *bytes = smaller(lines, m->bytes - (m->done - RING_LINE));
    return lines;
}

/* How much the slowest reader has left free. */
static uint64_t free_space(const struct ring *ring, uint64_t tail)
{
    uint64_t most = 0;

    for (size_t i = 0; i < ring->readers; i++) {
        uint64_t used = tail - atomic_load_explicit(&ring->heads[i].at, memory_order_acquire);

        most = used > most ? used : most;
    }
    return most > ring->space ? 0 : ring->space - most;
}

int64_t ring_write(struct ring_message *m)
{
    uint64_t begin = atomic_load_explicit(&m->ring.tail->at, memory_order_relaxed), at = begin;
    uint64_t room = free_space(&m->ring, begin), mask = m->ring.space - 1;

    if (m->done == 0 && room >= RING_LINE) {
        const struct head head = {m->bytes, m->call};

        memcpy(m->ring.data + (at & mask), &head, sizeof(head));
        m->done = RING_LINE;
        at += RING_LINE;
        room -= RING_LINE;
    }
    if (m->done > 0) {
        size_t bytes;
        uint64_t lines = next_chunk(m, at, room, &bytes);

        if (bytes > 0)
            memcpy(m->ring.data + (at & mask), m->p + (m->done - RING_LINE), bytes);
        m->done += lines;
        at += lines;
    }
    atomic_store_explicit(&m->ring.tail->at, at, memory_order_release);
    return (int64_t)(at - begin);
}

int64_t ring_read(struct ring_message *m, uint64_t *sent_bytes, uint64_t *sent_call)
{
    struct ring_position *position = &m->ring.heads[m->reader];
    uint64_t begin = atomic_load_explicit(&position->at, memory_order_relaxed), at = begin;
    uint64_t room = atomic_load_explicit(&m->ring.tail->at, memory_order_acquire) - begin;
    uint64_t mask = m->ring.space - 1;

    *sent_bytes = m->bytes;
    *sent_call = m->call;
    if (room > m->ring.space || room % RING_LINE != 0)
        return -EPROTO;
    if (m->done == 0 && room > 0) {
        struct head head;

        memcpy(&head, m->ring.data + (at & mask), sizeof(head));
        *sent_bytes = head.bytes;
        *sent_call = head.call;
        if (head.bytes != m->bytes || head.call != m->call)
            return -EPROTO;
        m->done = RING_LINE;
        at += RING_LINE;
        room -= RING_LINE;
    }
    if (m->done > 0) {
        size_t bytes;
        uint64_t lines = next_chunk(m, at, room, &bytes);

        if (bytes > 0)
            memcpy(m->p + (m->done - RING_LINE), m->ring.data + (at & mask), bytes);
        m->done += lines;
        at += lines;
    }
    atomic_store_explicit(&position->at, at, memory_order_release);
    return (int64_t)(at - begin);
}
