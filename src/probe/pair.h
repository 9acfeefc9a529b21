/* probe/pair - two ends meet, connect, and measure what lies between them.
 *
 * Errors are talk's, and those of meeting: -ETIMEDOUT when the other end does not come. */
#ifndef PROBE_PAIR_H
#define PROBE_PAIR_H

#include "probe/talk.h"

#define PAIR_CARD_BYTES_MAX 65536
#define PAIR_MEET_MS        10000 /* to wait for the other end */
#define PAIR_REPEATS        5
#define PAIR_ECHOES_MAX     200000

/* How the ends get each other's card. */
struct pair_meeting {
    void *data;
    uint32_t number; /* both ends of this pair have it, and no others */
    /* Give mine and wait for theirs, which the caller frees. */
    int (*swap)(void *data, const void *mine, size_t len, void **theirs, size_t *theirs_len,
                int64_t deadline_ms, struct err *err);
};

/* Between processes of one host: data is an int *, a socket of SOCK_SEQPACKET. */
int pair_swap_by_socket(void *data, const void *mine, size_t len, void **theirs, size_t *theirs_len,
                        int64_t deadline_ms, struct err *err);

struct pair {
    struct talk talk;
    bool mine_has_rdma, theirs_has_rdma; /* a port that is up */
    bool theirs_has_gpu;                 /* buffers in its memory */
    uint32_t ms;                         /* for each measurement */
    int64_t silence_ms;                  /* of the peer, that is borne */
    bool all_tcp;
    char via[MEASURE_TEXT_BYTES]; /* known once something was measured */
};

/* pair->mine_has_rdma, ms and silence_ms are set. `gpu` may be NULL: no buffers there. The port and
 * the buffers stay the caller's. */
int pair_meet(struct pair *pair, struct ucx_port *port, const struct buffers *host,
              const struct buffers *gpu, const struct pair_meeting *meeting, int64_t deadline_ms,
              struct err *err);
void pair_part(struct pair *pair);

/* Bytes a second of messages of `bytes` to the peer, from it, or both at once (the sum): *count of
 * up to PAIR_REPEATS values, at least one on success. */
int pair_rates(struct pair *pair, uint64_t bytes, bool to, bool from, double rates[PAIR_REPEATS],
               size_t *count, struct err *err);

/* Half a round trip, in seconds: the percentiles 50, 99 and 99.9 of all, with the least and the
 * most of as many parts of the time. */
struct pair_latency {
    double value[3], low[3], high[3];
};
int pair_latency(struct pair *pair, uint64_t bytes, struct pair_latency *out, struct err *err);

#endif
