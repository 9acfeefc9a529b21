/* ranks/outbox - the agent's events, numbered without holes, kept until the controller has stored
 * them. */
#ifndef RANKS_OUTBOX_H
#define RANKS_OUTBOX_H

#include "wire/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_TEXT_MAX 4096 /* of an event; the rest is cut */

struct outbox {
    struct msg_event **events; /* a queue: count from `first` on, each one allocation */
    size_t first, count, space;
    uint64_t next;    /* number of the next event; from 1 */
    uint64_t dropped; /* so far; the owner takes them back to 0 when it has told */
};

void outbox_init(struct outbox *outbox);
void outbox_done(struct outbox *outbox);

/* Give it a number and keep a copy; *kept is NULL when it was dropped: `keep_max` are waiting and
 * it may be dropped. Returns 0 or -ENOMEM. */
int outbox_add(struct outbox *outbox, const struct msg_event *event, size_t keep_max, bool may_drop,
               const struct msg_event **kept);

/* All up to `number` are stored. */
void outbox_ack(struct outbox *outbox, uint64_t number);

/* The i-th that waits; NULL: there are fewer. */
const struct msg_event *outbox_at(const struct outbox *outbox, size_t i);

/* Number of the oldest that waits, or of the next. */
uint64_t outbox_oldest(const struct outbox *outbox);

#endif
