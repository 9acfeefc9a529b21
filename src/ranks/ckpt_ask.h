/* ranks/ckpt_ask - the search for the newest complete checkpoint, in a child: it reads much, runs
 * commands, and may hang on a file system that is gone. */
#ifndef RANKS_CKPT_ASK_H
#define RANKS_CKPT_ASK_H

#include "base/err.h"
#include "wire/message.h"

#include <event2/event.h>
#include <sys/types.h>

#define CKPT_ASK_MS 300000 /* then the child is killed and the answer is a complaint */

struct ckpt_ask;

/* `done` is called once, from the loop, and may free it. NULL with a sentence when there is no
 * child; the caller answers then. */
struct ckpt_ask *ckpt_ask_start(struct event_base *base, const struct msg_find_checkpoint *find,
                                void (*done)(void *data, const struct msg_checkpoint *answer),
                                void *data, struct err *err);
/* A child that is still at it is killed. */
void ckpt_ask_free(struct ckpt_ask *ask);

pid_t ckpt_ask_pid(const struct ckpt_ask *ask); /* 0: it has ended, or `ask` is NULL */

#endif
