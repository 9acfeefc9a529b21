/* coll/meet - ranks find each other, and tell each other a few bytes before they have anything
 * better. All call the same functions in the same order.
 *
 * The store only says where rank 0's hub is; the rest goes by the hub, so that whoever dies while
 * it waits for the others is missed at once. */
#ifndef COLL_MEET_H
#define COLL_MEET_H

#include "coll/coll.h"
#include "coll/watch.h"
#include "peer/store_client.h"

struct meet {
    struct store_client store;
    struct watch watch; /* a back end that goes on watching moves it, and leaves fd -1, hub NULL */
    const struct coll_options *options;
    char key[STORE_CLIENT_KEY_MAX]; /* of the hub's place */
    int64_t meet_ms, deadline_ms;
};

struct meet_card {
    const void *p;
    size_t len;
};

/* `options` must outlive it. After an error it is to be closed too. */
int meet_open(struct meet *meet, const struct coll_options *options, struct err *err);

/* r < 0: this rank fails, and if it is the first the others hear that. */
void meet_close(struct meet *meet, int r);

/* Everybody learns what everybody tells: cards (size) point into *all, which the caller frees. Who
 * dies, or does not come in time, is named to all who do. */
int meet_all(struct meet *meet, const void *mine, size_t len, struct meet_card *cards, void **all,
             struct err *err);

/* As a last round: everybody says whether it is well so far (`r`, and `err` says what is wrong).
 * Returns 0 when all are; else the error of the lowest rank that is not, which err then names. */
int meet_agree(struct meet *meet, int r, struct err *err);

#endif
