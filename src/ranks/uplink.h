/* ranks/uplink - the agent's way to its controller: addresses that are tried in turn, again and
 * again, until one of them answers with the run's key. */
#ifndef RANKS_UPLINK_H
#define RANKS_UPLINK_H

#include "base/err.h"
#include "wire/link.h"

#include <event2/event.h>
#include <stdint.h>

#define UPLINK_ADDRESSES_MAX 16
#define UPLINK_WAIT_MIN_MS   50 /* between two tries: doubled each time, less a random part */
#define UPLINK_WAIT_MAX_MS   2000

struct uplink;

struct uplink_watch {
    void *data;
    void (*up)(void *data, const char *own_address);
    void (*message)(void *data, const struct message *message);
    void (*down)(void *data, const char *why); /* of a link that was up; it is tried again */
};

/* "10.0.0.1:4711,[fd00::1]:4711", numeric. The first try is made at once by the loop. */
struct uplink *uplink_new(struct event_base *base, const char *addresses,
                          const unsigned char key[LINK_KEY_BYTES], uint64_t seed,
                          const struct uplink_watch *watch, struct err *err);
/* What is queued is sent by the loop before the link closes. */
void uplink_free(struct uplink *uplink);

void uplink_send(struct uplink *uplink, const struct message *message);
size_t uplink_queued(const struct uplink *uplink);
/* Close the link, without `down`, and try again. */
void uplink_cut(struct uplink *uplink);

#endif
