/* measure/order - what head and probes say to each other, as JSON in the run's store.
 *
 *   card/RANK        a probe: what its node has (struct card), once, before anything else
 *   order/RANK/SEQ   the head: what to do next; SEQ counts from 1 for each rank
 *   answer/RANK/SEQ  the probe: what came of it
 *
 * A probe waits for its next order, carries it out within order.limit_ms, and answers, in any case:
 * with what it could measure and a trouble for the rest. Both ends read the other's text as outside
 * bytes: every count is bounded, and garbage is -EPROTO with a sentence. */
#ifndef MEASURE_ORDER_H
#define MEASURE_ORDER_H

#include "base/arena.h"
#include "base/err.h"
#include "measure/measure.h"

#define ORDER_SIZES_MAX         16
#define ORDER_DEVICE_BYTES      64
#define ORDER_MESSAGE_BYTES_MAX ((uint64_t)1 << 30)
#define ORDER_MS_MAX            86400000 /* of limit_ms and ms */
#define ORDER_RANKS_MAX         1000000  /* ranks are below */
#define CARD_DEVICES_MAX        64
#define CARD_TEXT_BYTES         256
#define CARD_BOOT_BYTES         48
#define ANSWER_MEASURES_MAX     4096
#define ANSWER_TROUBLES_MAX     256
#define ORDER_BYTES_MAX         16384      /* of an order's text, and of a card's */
#define ANSWER_BYTES_MAX        (2u << 20) /* of an answer's */

enum device_kind { DEVICE_RDMA, DEVICE_NET, DEVICE_GPU, DEVICE_KIND_COUNT };

struct device {
    enum device_kind kind;
    char name[32]; /* "mlx5_0:1", "eth0", "gpu0" */
    bool up;
    double rate;  /* nominal, bytes a second, one direction; 0: it does not say */
    int32_t numa; /* -1: none */
};

/* What a probe says of its node before it measures. */
struct card {
    char host[CARD_TEXT_BYTES]; /* as the node calls itself */
    char ucx[CARD_TEXT_BYTES];  /* "UCX 1.13.1 (rc_mlx5, tcp)"; or, with has_ucx false, why not */
    char boot[CARD_BOOT_BYTES]; /* of its kernel: nodes that share it are one machine; "": not known
                                 */
    bool has_ucx;
    uint32_t cpus, numa_nodes;
    uint32_t device_count;
    struct device devices[CARD_DEVICES_MAX];
};

enum order_kind {
    ORDER_NODE,  /* the tests of one node, by themselves */
    ORDER_PAIR,  /* with `peer` */
    ORDER_CLOCK, /* answer at once with your clocks */
    ORDER_LEAVE, /* end, exit 0 */
    ORDER_KIND_COUNT
};

struct order {
    enum order_kind kind;
    uint32_t tests;    /* NODE: bits 1 << enum test */
    uint32_t limit_ms; /* answer by then */
    uint32_t ms;       /* for each single measurement */

    /* PAIR */
    uint32_t peer; /* its rank */
    uint32_t
        meeting; /* a number that both ends of the pair, and no others, have: they meet by it */
    bool first;  /* this end drives; the other follows */
    enum phase phase;
    bool bandwidth, both, latency; /* to the peer and back; both directions at once; round trips */
    uint32_t size_count;
    uint64_t sizes[ORDER_SIZES_MAX]; /* of messages, for bandwidth */
    uint64_t latency_bytes;
    char device[ORDER_DEVICE_BYTES]; /* only this one of mine ("mlx5_0:1"); "": what UCX chooses */
    char peer_name[CARD_TEXT_BYTES]; /* its host name, for --tests names; "": none */
    bool gpu;                        /* buffers in GPU memory, of the GPU nearest to the device */
};

struct answer {
    int64_t wall_ns, mono_ns; /* CLOCK_REALTIME and CLOCK_MONOTONIC when it was written */
    uint32_t measure_count, trouble_count;
    struct measure *measures; /* node and peer are ranks */
    struct fabric_trouble *troubles;
};

/* Set its clocks to now. */
void answer_stamp(struct answer *answer);

/* Keys; -ENAMETOOLONG can't happen with KEY_BYTES. */
#define ORDER_KEY_BYTES 40
const char *card_key(uint32_t rank, char out[ORDER_KEY_BYTES]);
const char *order_key(uint32_t rank, uint32_t seq, char out[ORDER_KEY_BYTES]);
const char *answer_key(uint32_t rank, uint32_t seq, char out[ORDER_KEY_BYTES]);

/* Writers append JSON and fail as buffers do. Readers return 0, -EPROTO with a sentence, or
 * -ENOMEM; what they read into `arena` lives there. */
void card_print(const struct card *card, struct buf *out);
int card_read(struct str text, struct card *out, struct err *err);
void order_print(const struct order *order, struct buf *out);
int order_read(struct str text, struct order *out, struct err *err);
void answer_print(const struct answer *answer, struct buf *out);
int answer_read(struct arena *arena, struct str text, struct answer *out, struct err *err);

#endif
