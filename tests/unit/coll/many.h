/* Random rounds of every call, checked against what a plain model says they give: the same for all
 * back ends. Ranks draw the same numbers from the same seed, so each knows what all others send. */
#ifndef TESTS_COLL_MANY_H
#define TESTS_COLL_MANY_H

#include "base/rng.h"
#include "coll/coll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What byte `at` of the piece from one rank to another is, in round `round`. */
static inline uint8_t many_byte(uint64_t round, size_t from, size_t to, size_t at)
{
    return (uint8_t)(round * 131 + from * 31 + to * 17 + at * 7 + (at >> 8) * 3);
}

static inline void many_fill(uint8_t *p, size_t bytes, uint64_t round, size_t from, size_t to)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = many_byte(round, from, to, i);
}

static inline int many_check(const uint8_t *p, size_t bytes, uint64_t round, size_t from, size_t to,
                             struct err *err)
{
    for (size_t i = 0; i < bytes; i++)
        if (p[i] != many_byte(round, from, to, i))
            return err_set(err, -1, "round %llu: byte %zu of %zu from %zu to %zu is wrong",
                           (unsigned long long)round, i, bytes, from, to);
    return 0;
}

/* Mostly small, often nothing, sometimes up to `max`. */
static inline size_t many_size(struct rng *rng, size_t max)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return 0;
    case 1:
        return rng_below(rng, max + 1);
    default:
        return rng_below(rng, max < 300 ? max + 1 : 300);
    }
}

struct many {
    struct coll *coll;
    size_t rank, size, max;
    uint64_t round;
    struct rng rng;
    uint8_t *out, *in; /* (size, max) */
    struct coll_piece *send, *receive;
    size_t *begin;
};

static inline int many_exchange(struct many *m, struct err *err)
{
    int r;

    for (size_t from = 0; from < m->size; from++) {
        for (size_t to = 0; to < m->size; to++) {
            size_t bytes = many_size(&m->rng, m->max);

            if (from == m->rank) {
                m->send[to] = (struct coll_piece){bytes ? m->out + to * m->max : NULL, bytes};
                many_fill(m->out + to * m->max, bytes, m->round, from, to);
            }
            if (to == m->rank)
                m->receive[from] = (struct coll_piece){bytes ? m->in + from * m->max : NULL, bytes};
        }
    }
    r = coll_exchange(m->coll, m->send, m->receive, err);
    for (size_t from = 0; r == 0 && from < m->size; from++)
        r = many_check(m->receive[from].p, m->receive[from].bytes, m->round, from, m->rank, err);
    return r;
}

static inline int many_gather(struct many *m, struct err *err)
{
    size_t bytes = many_size(&m->rng, m->max);
    int r;

    many_fill(m->out, bytes, m->round, m->rank, 0);
    r = coll_gather(m->coll, m->out, bytes, m->in, err);
    for (size_t from = 0; r == 0 && from < m->size; from++)
        r = many_check(m->in + from * bytes, bytes, m->round, from, 0, err);
    return r;
}

static inline int many_gather_parts(struct many *m, struct err *err)
{
    int r;

    for (size_t i = 0; i < m->size; i++)
        m->begin[i + 1] = m->begin[i] + many_size(&m->rng, m->max);
    many_fill(m->in + m->begin[m->rank], m->begin[m->rank + 1] - m->begin[m->rank], m->round,
              m->rank, 0);
    r = coll_gather_parts(m->coll, m->in, m->begin, err);
    for (size_t i = 0; r == 0 && i < m->size; i++)
        r = many_check(m->in + m->begin[i], m->begin[i + 1] - m->begin[i], m->round, i, 0, err);
    return r;
}

static inline int many_broadcast(struct many *m, struct err *err)
{
    size_t root = rng_below(&m->rng, m->size), bytes = many_size(&m->rng, m->max * m->size);
    int r;

    if (m->rank == root)
        many_fill(m->in, bytes, m->round, root, 0);
    r = coll_broadcast(m->coll, root, m->in, bytes, err);
    return r < 0 ? r : many_check(m->in, bytes, m->round, root, 0, err);
}

static inline int many_barrier(struct many *m, struct err *err)
{
    return coll_barrier(m->coll, err);
}

/* `rounds` of them, pieces of at most `max` bytes. Returns 0 or a negative number and a sentence.
 */
static inline int many_rounds(struct coll *coll, uint64_t seed, uint64_t rounds, size_t max,
                              struct err *err)
{
    static int (*const calls[])(struct many *, struct err *) = {
        many_exchange, many_exchange, many_gather, many_barrier, many_broadcast, many_gather_parts};
    size_t size = coll_size(coll);
    struct many m = {
        .coll = coll, .rank = coll_rank(coll), .size = size, .max = max, .rng = {seed}};
    int r = 0;

    m.out = calloc(size, max);
    m.in = calloc(size, max);
    m.send = calloc(2 * size, sizeof(*m.send));
    m.begin = calloc(size + 1, sizeof(*m.begin));
    m.receive = m.send + size;
    if (!m.out || !m.in || !m.send || !m.begin)
        abort();
    for (; r == 0 && m.round < rounds; m.round++)
        r = calls[rng_below(&m.rng, sizeof(calls) / sizeof(calls[0]))](&m, err);
    free(m.out);
    free(m.in);
    free(m.send);
    free(m.begin);
    return r;
}

#endif
