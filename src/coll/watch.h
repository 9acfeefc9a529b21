/* coll/watch - one rank's connection to the hub: by it ranks meet, and later learn who fell. It is
 * a connection of its own since on one that carries data a host that vanishes may stay unknown for
 * a quarter of an hour: TCP sends again and again, and its keepalive is silent meanwhile. */
#ifndef COLL_WATCH_H
#define COLL_WATCH_H

#include "coll/hub.h"

#include <sys/socket.h>

struct hub_thread;

struct watch {
    int fd;                 /* -1: closed */
    struct hub_thread *hub; /* rank 0's, which ends with this */
    size_t rank;
    struct fall fall;  /* the first that fell, as far as known here */
    unsigned verdicts; /* that have come */
};

/* Say hello to the hub at `at`. */
int watch_connect(struct watch *watch, size_t rank, size_t size, uint64_t token,
                  const struct sockaddr *at, socklen_t len, struct err *err);
/* Rank 0: to its own hub. */
int watch_start_hub(struct watch *watch, size_t size, uint64_t token, int64_t meet_ms, int family,
                    uint16_t *port, struct err *err);

int watch_send(struct watch *watch, enum hub_kind kind, const void *bytes, size_t len);

/* The next message of the hub but for verdicts: its kind; *bytes is the caller's to free. Else
 * -ECONNRESET: somebody has fallen, fall_say says who; -ETIMEDOUT: nothing has come by the
 * deadline; -ENOMEM. */
int watch_read(struct watch *watch, void **bytes, size_t *len, int64_t deadline_ms);

/* Has anybody fallen? Waits for nothing. */
bool watch_look(struct watch *watch);

/* Tell of a fall; and when `wait_ms` is more than 0, until the verdict comes. */
void watch_blame(struct watch *watch, size_t rank, enum fall_why why, int64_t wait_ms);

/* This rank leaves: nobody takes the end of the connection for a death. Rank 0: and its hub ends.
 * Closed is fine. */
void watch_close(struct watch *watch);

#endif
