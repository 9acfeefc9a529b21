/* probe/child - what may hang runs in a process of its own, and what it tells comes through a pipe.
 *
 * A child dies with its parent. One that sleeps in the kernel where no signal reaches it is left
 * behind; it costs nothing but its memory. */
#ifndef PROBE_CHILD_H
#define PROBE_CHILD_H

#include "probe/probe.h"

#include <sys/types.h>

/* Of the child, to tell. */
struct child_voice {
    struct telling telling;
    int tells, orders; /* descriptors: a pipe out, a pipe in */
};

struct child {
    pid_t pid;         /* 0: none */
    int tells, orders; /* the other ends */
};

/* Fork. `run` is the child's whole life: it ends when that returns, and child_done says before that
 * (perhaps many times) that what was asked is done; `last`: and that there will be no more. Returns
 * 0 or a negative errno. */
int child_start(struct child *child, void (*run)(const struct child_voice *voice, void *data),
                void *data);

/* In the child: the next order. False: there is none, the parent is gone. */
bool child_order(const struct child_voice *voice, struct order *out);
void child_text(const struct child_voice *voice, const char *text);
void child_done(const struct child_voice *voice, bool last);

/* In the parent. */
int child_send(const struct child *child, const struct order *order);

/* Pass on what it tells until it is done. `text` (CARD_TEXT_BYTES) takes what child_text said; it
 * may be NULL. `watch`: a descriptor on which nothing is expected; -1: none. Returns 0, 1 (it has
 * done its last and ends), -ETIMEDOUT, -EPIPE (it ended before) or -ECONNRESET (`watch` has news:
 * it was closed). */
int child_listen(const struct child *child, int64_t deadline_ms, int watch,
                 const struct telling *telling, char *text);

/* Kill it, if it still lives. words: how it ended, if it did by itself ("signal 11 (Segmentation
 * fault)"); may be NULL. Returns the signal by which it did, 0: none. */
#define CHILD_WORDS_BYTES 64
int child_end(struct child *child, char words[CHILD_WORDS_BYTES]);

#endif
