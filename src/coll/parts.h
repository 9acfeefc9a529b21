/* coll/parts - what the back ends share. */
#ifndef COLL_PARTS_H
#define COLL_PARTS_H

#include "coll/coll.h"

#include <stdbool.h>

#define COLL_MEET_MS  300000 /* when options say 0 */
#define COLL_STUCK_MS 600000

/* A back end. coll.c has checked that the group is whole, and has copied the rank's own piece. */
struct coll_ops {
    /* All to all, but for the rank's own piece. */
    int (*exchange)(struct coll *coll, const struct coll_piece *send,
                    const struct coll_piece *receive, struct err *err);
    /* As coll_gather_parts; NULL: by exchange. */
    int (*gather_parts)(struct coll *coll, char *buf, const size_t *begin, struct err *err);
    /* This rank takes no more part, after an error or before the end: the others learn it as far as
     * they can, and nothing touches the callers' memory any more. Once. */
    void (*leave)(struct coll *coll, bool failed);
    void (*free)(struct coll *coll); /* after leave: what it has allocated, *coll too */
};

/* The first member of each back end's own struct. */
struct coll {
    const struct coll_ops *ops;
    size_t rank, size;
    int64_t stuck_ms;
    uint64_t calls;                    /* counted from 1; the same on all ranks */
    bool left;                         /* leave was called */
    struct coll_piece *send, *receive; /* (size): for calls that stand on exchange */
    size_t *begin;                     /* (size + 1) */
    char name[64];
};

/* A zeroed struct of `bytes`, which begins with a struct coll. NULL when there is no memory. */
void *coll_new(size_t bytes, const struct coll_ops *ops, size_t rank, size_t size,
               const char *name);
/* What coll_new has allocated. */
void coll_delete(struct coll *coll);

/* The sentence for pieces that don't match: always -EPROTO. */
int coll_mismatch(const struct coll *coll, size_t from, uint64_t sent, size_t expected,
                  struct err *err);

int coll_open_self(struct coll **out, struct err *err);

struct meet;
int coll_open_shm(const struct coll_options *options, struct meet *meet, struct coll **out,
                  struct err *err);
int coll_open_ucx(const struct coll_options *options, struct meet *meet, struct coll **out,
                  struct err *err);

#endif
