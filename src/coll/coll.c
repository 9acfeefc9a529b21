#include "coll/coll.h"

#include "coll/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_BYTES (64u << 10) /* a broadcast of more is cut, so that no rank sends it whole */

void *coll_new(size_t bytes, const struct coll_ops *ops, size_t rank, size_t size, const char *name)
{
    struct coll *coll = calloc(1, bytes);

    if (!coll)
        return NULL;
    coll->ops = ops;
    coll->rank = rank;
    coll->size = size;
    coll->stuck_ms = COLL_STUCK_MS;
    coll->send = calloc(2 * size * sizeof(*coll->send) + (size + 1) * sizeof(*coll->begin), 1);
    if (!coll->send) {
        free(coll);
        return NULL;
    }
    coll->receive = coll->send + size;
    coll->begin = (size_t *)(coll->receive + size);
    (void)strncpy(coll->name, name, sizeof(coll->name) - 1);
    return coll;
}

void coll_delete(struct coll *coll)
{
    free(coll->send);
    free(coll);
}

int coll_mismatch(const struct coll *coll, size_t from, uint64_t sent, size_t expected,
                  struct err *err)
{
    return err_set(err, -EPROTO, "rank %zu has sent %llu bytes, rank %zu expected %zu (call %llu)",
                   from, (unsigned long long)sent, coll->rank, expected,
                   (unsigned long long)coll->calls);
}

void coll_free(struct coll *coll)
{
    if (!coll)
        return;
    if (!coll->left)
        coll->ops->leave(coll, false);
    coll->ops->free(coll);
}

size_t coll_rank(const struct coll *coll)
{
    return coll->rank;
}

size_t coll_size(const struct coll *coll)
{
    return coll->size;
}

const char *coll_name(const struct coll *coll)
{
    return coll->name;
}

/* Each call begins and ends with these two: after an error a group can only be freed. */
static int begin_call(struct coll *coll, struct err *err)
{
    if (coll->left)
        return err_set(err, -ECONNRESET, "an earlier exchange between the ranks has failed");
    coll->calls++;
    return 0;
}

static int end_call(struct coll *coll, int r)
{
    if (r < 0 && !coll->left) {
        coll->left = true;
        coll->ops->leave(coll, true);
    }
    return r;
}

static int exchange(struct coll *coll, const struct coll_piece *send,
                    const struct coll_piece *receive, struct err *err)
{
    const struct coll_piece *from = &send[coll->rank], *to = &receive[coll->rank];

    if (from->bytes != to->bytes)
        return coll_mismatch(coll, coll->rank, from->bytes, to->bytes, err);
    if (from->p != to->p && from->bytes > 0)
        memcpy(to->p, from->p, from->bytes);
    return coll->ops->exchange(coll, send, receive, err);
}

int coll_exchange(struct coll *coll, const struct coll_piece *send,
                  const struct coll_piece *receive, struct err *err)
{
    int r = begin_call(coll, err);

    return r < 0 ? r : end_call(coll, exchange(coll, send, receive, err));
}

int coll_gather(struct coll *coll, const void *mine, size_t bytes, void *all, struct err *err)
{
    int r = begin_call(coll, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < coll->size; i++) {
        coll->send[i] = (struct coll_piece){(void *)mine, bytes};
        coll->receive[i] = (struct coll_piece){bytes ? (char *)all + i * bytes : all, bytes};
    }
    return end_call(coll, exchange(coll, coll->send, coll->receive, err));
}

static int gather_parts(struct coll *coll, char *buf, const size_t *begin, struct err *err)
{
    size_t rank = coll->rank;

    if (coll->ops->gather_parts)
        return coll->ops->gather_parts(coll, buf, begin, err);
    for (size_t i = 0; i < coll->size; i++) {
        coll->send[i] = (struct coll_piece){buf + begin[rank], begin[rank + 1] - begin[rank]};
        coll->receive[i] = (struct coll_piece){buf + begin[i], begin[i + 1] - begin[i]};
    }
    return exchange(coll, coll->send, coll->receive, err);
}

int coll_gather_parts(struct coll *coll, void *buf, const size_t *begin, struct err *err)
{
    int r = begin_call(coll, err);

    return r < 0 ? r : end_call(coll, gather_parts(coll, buf, begin, err));
}

/* A long one in two steps, each of which moves every byte once into each rank: the root gives each
 * rank a part, then everybody gathers the parts. A short one goes whole to each. */
static int broadcast(struct coll *coll, size_t root, char *buf, size_t bytes, struct err *err)
{
    size_t size = coll->size, *begin = coll->begin;
    bool cut = bytes > SPLIT_BYTES && size > 2;
    int r;

    for (size_t i = 0; i <= size; i++)
        begin[i] = bytes / size * i + (i < bytes % size ? i : bytes % size);
    for (size_t i = 0; i < size; i++) {
        struct coll_piece part = {buf, bytes};

        if (cut)
            part = (struct coll_piece){buf + begin[i], begin[i + 1] - begin[i]};
        coll->send[i] = (struct coll_piece){part.p, coll->rank == root ? part.bytes : 0};
        coll->receive[i] = (struct coll_piece){NULL, 0};
    }
    coll->receive[root] = (struct coll_piece){buf, bytes};
    if (cut)
        coll->receive[root] =
            (struct coll_piece){buf + begin[coll->rank], begin[coll->rank + 1] - begin[coll->rank]};
    r = exchange(coll, coll->send, coll->receive, err);
    return r == 0 && cut ? gather_parts(coll, buf, begin, err) : r;
}

int coll_broadcast(struct coll *coll, size_t root, void *buf, size_t bytes, struct err *err)
{
    int r = begin_call(coll, err);

    return r < 0 ? r : end_call(coll, broadcast(coll, root, buf, bytes, err));
}

int coll_barrier(struct coll *coll, struct err *err)
{
    return coll_gather(coll, NULL, 0, NULL, err);
}
