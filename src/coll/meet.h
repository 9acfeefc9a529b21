/* coll/meet - ranks tell each other a few bytes through the store, before they have anything
 * better. All call the same functions in the same order. */
#ifndef COLL_MEET_H
#define COLL_MEET_H

#include "coll/coll.h"
#include "peer/store_client.h"

/* Bytes a rank may tell at once: all of them fit one value of the store. */
static inline size_t meet_card_max(size_t size)
{
    return STORE_CLIENT_BYTES_MAX / size < 65536 ? STORE_CLIENT_BYTES_MAX / size - 4 : 65532;
}

struct meet {
    struct store_client store;
    const char *host, *port, *name;
    size_t rank, size;
    int64_t meet_ms, deadline_ms;
    unsigned round;
};

struct meet_card {
    const void *p;
    size_t len;
};

int meet_open(struct meet *meet, const struct coll_options *options, struct err *err);
void meet_close(struct meet *meet);

/* Everybody learns what everybody tells: cards (size) point into *all, which the caller frees. Who
 * does not come in time is named to all who do. */
int meet_all(struct meet *meet, const void *mine, size_t len, struct meet_card *cards, void **all,
             struct err *err);

/* As a last round: everybody says whether it is well so far (`r`, and `err` says what is wrong).
 * Returns 0 when all are; else the error of the lowest rank that is not, which err then names. */
int meet_agree(struct meet *meet, int r, struct err *err);

#endif
