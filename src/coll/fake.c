/* Threads of one process exchange by reading each other's pieces.
 *
 * An exchange has two phases. First all show their pieces and wait until everybody has; this is
 * where a rank that is gone is noticed. Then each copies what is for it, and nobody leaves before
 * all have copied: copying never waits, so this phase can't hang, and no piece is gone while
 * somebody reads it. */
#include "coll/parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct shared {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t size, users;      /* users: groups not freed */
    size_t arrived, copying; /* ranks in each phase */
    uint64_t exchanges;      /* that all have arrived at */
    size_t culprit;          /* the first that left; `size`: nobody */
    bool culprit_failed;
    struct coll_fault fault;
    const struct coll_piece *sends[]; /* (size) */
};

struct fake {
    struct coll coll;
    struct shared *shared;
};

/* With the lock held. Returns 0, or -ECONNRESET when somebody who has not arrived is gone. */
static int arrive(struct coll *coll, struct shared *shared, const struct coll_piece *send,
                  struct err *err)
{
    uint64_t exchange = shared->exchanges;

    shared->sends[coll->rank] = send;
    if (++shared->arrived == shared->size) {
        shared->arrived = 0;
        shared->copying = shared->size;
        shared->exchanges++;
        (void)pthread_cond_broadcast(&shared->changed);
    }
    while (shared->exchanges == exchange && shared->culprit == shared->size)
        (void)pthread_cond_wait(&shared->changed, &shared->lock);
    if (shared->exchanges != exchange)
        return 0;
    return err_set(err, -ECONNRESET, "rank %zu has %s", shared->culprit,
                   shared->culprit_failed ? "failed" : "left the group");
}

static int copy(struct coll *coll, const struct shared *shared, const struct coll_piece *receive,
                struct err *err)
{
    for (size_t i = 0; i < coll->size; i++) {
        const struct coll_piece *from = &shared->sends[i][coll->rank], *to = &receive[i];

        if (i == coll->rank)
            continue;
        if (from->bytes != to->bytes)
            return coll_mismatch(coll, i, from->bytes, to->bytes, err);
        if (to->bytes > 0)
            memcpy(to->p, from->p, to->bytes);
    }
    return 0;
}

static int fake_exchange(struct coll *coll, const struct coll_piece *send,
                         const struct coll_piece *receive, struct err *err)
{
    struct shared *shared = ((struct fake *)coll)->shared;
    int r;

    if (shared->fault.rank == coll->rank && shared->fault.call == coll->calls)
        return err_set(err, -ECONNRESET, "rank %zu fails at call %llu, as it was asked to",
                       coll->rank, (unsigned long long)coll->calls);
    (void)pthread_mutex_lock(&shared->lock);
    r = arrive(coll, shared, send, err);
    (void)pthread_mutex_unlock(&shared->lock);
    if (r < 0)
        return r;
    r = copy(coll, shared, receive, err);
    (void)pthread_mutex_lock(&shared->lock);
    if (--shared->copying == 0)
        (void)pthread_cond_broadcast(&shared->changed);
    while (shared->copying > 0)
        (void)pthread_cond_wait(&shared->changed, &shared->lock);
    (void)pthread_mutex_unlock(&shared->lock);
    return r;
}

static void fake_leave(struct coll *coll, bool failed)
{
    struct shared *shared = ((struct fake *)coll)->shared;

    (void)pthread_mutex_lock(&shared->lock);
    if (shared->culprit == shared->size) {
        shared->culprit = coll->rank;
        shared->culprit_failed = failed;
    }
    (void)pthread_cond_broadcast(&shared->changed);
    (void)pthread_mutex_unlock(&shared->lock);
}

static void shared_free(struct shared *shared)
{
    (void)pthread_cond_destroy(&shared->changed);
    (void)pthread_mutex_destroy(&shared->lock);
    free(shared);
}

static void fake_free(struct coll *coll)
{
    struct shared *shared = ((struct fake *)coll)->shared;
    size_t users;

    (void)pthread_mutex_lock(&shared->lock);
    users = --shared->users;
    (void)pthread_mutex_unlock(&shared->lock);
    if (users == 0)
        shared_free(shared);
    coll_delete(coll);
}

static const struct coll_ops fake_ops = {
    .exchange = fake_exchange, .leave = fake_leave, .free = fake_free};

static struct shared *shared_new(size_t size, const struct coll_fault *fault)
{
    struct shared *shared = calloc(1, sizeof(*shared) + size * sizeof(shared->sends[0]));

    if (!shared)
        return NULL;
    (void)pthread_mutex_init(&shared->lock, NULL);
    (void)pthread_cond_init(&shared->changed, NULL);
    shared->size = shared->culprit = size;
    if (fault)
        shared->fault = *fault;
    return shared;
}

int coll_open_fake(size_t size, const struct coll_fault *fault, struct coll **out, struct err *err)
{
    struct shared *shared;

    if (size == 0 || size > COLL_RANKS_MAX)
        return err_set(err, -EINVAL, "a group has 1 to %d ranks, not %zu", COLL_RANKS_MAX, size);
    shared = shared_new(size, fault);
    for (size_t i = 0; shared && i < size; i++) {
        struct fake *fake = coll_new(sizeof(*fake), &fake_ops, i, size, "fake");

        if (!fake) {
            while (i-- > 0)
                coll_delete(out[i]);
            shared_free(shared);
            shared = NULL;
            break;
        }
        fake->shared = shared;
        shared->users++;
        out[i] = &fake->coll;
    }
    return shared ? 0 : err_set(err, -ENOMEM, "no memory for a group of %zu ranks", size);
}
