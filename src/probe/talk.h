/* probe/talk - the two ends of a pair over UCX: one leads, the other does what it says.
 *
 * An error is about the
 * peer (-ECONNRESET: gone or silent, with a sentence that says so), about time (-ETIME), or the
 * leader's word can't be followed (-EPROTO); after one the process is of no more use to UCX. */
#ifndef PROBE_TALK_H
#define PROBE_TALK_H

#include "probe/buffers.h"
#include "probe/ucx.h"

#define TALK_SILENCE_MS                                                                            \
    5000 /* with nothing from the peer, on top of 1 MB/s for what is under way */

struct talk {
    struct ucx_port *port; /* connected */
    uint32_t meeting;
    int64_t deadline_ms;
    int64_t silence_ms;               /* TALK_SILENCE_MS but for tests */
    const struct buffers *host, *gpu; /* gpu: NULL where there is none */
    bool in_gpu; /* the leader: the next blocks go from and to memory of GPUs */
};

/* How many messages of `bytes` are under way at most. */
uint32_t talk_window(uint64_t bytes);

/* The leader: `to` messages to the peer and `from` messages from it, at once. *seconds: until all
 * have come and the leader knows. */
int talk_block(struct talk *talk, uint64_t bytes, uint64_t to, uint64_t from, double *seconds,
               struct err *err);
/* `count` round trips; seconds[i] is what each took. */
int talk_echo(struct talk *talk, uint64_t bytes, double *seconds, uint64_t count, struct err *err);
int talk_end(struct talk *talk, struct err *err);

/* The other end, until the leader says that it is the end. */
int talk_follow(struct talk *talk, struct err *err);

#endif
