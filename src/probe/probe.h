/* probe/probe - what the tests of a probe are handed, and how they tell what they found.
 *
 * Tests run in a child of the probe that is killed when its time is over, so what was told before
 * that must have left the process: telling writes at once. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "measure/order.h"

struct telling {
    void *data;
    void (*measure)(void *data, const struct measure *measure);
    void (*trouble)(void *data, const struct fabric_trouble *trouble);
};

struct probe {
    const struct card *card;
    const struct telling *telling;
    uint32_t rank;             /* of this node: `node` of what is told */
    uint32_t ms;               /* for each single measurement */
    int64_t deadline_ms;       /* clock_now_ms: what is not done by then is not begun */
    const struct order *order; /* NULL for a probe that runs alone */
};

/* A node's own test: measures, tells, returns. What can't be done is told as TROUBLE_TEST, what
 * this node simply lacks (a second NUMA node, a GPU) is nothing. */
typedef void (*node_test)(const struct probe *probe);

/* By enum test; NULL: not a test of one node (pairs), or answered by the probe itself (clock). */
extern const node_test node_tests[TEST_COUNT];

void probe_test_loopback(const struct probe *probe);
void probe_test_memory(const struct probe *probe);
void probe_test_cpu(const struct probe *probe);
void probe_test_disk(const struct probe *probe);
void probe_test_names(const struct probe *probe);
void probe_test_gpu(const struct probe *probe);

/* The median of `count` repeats, with the least and the most; reorders `values`. `part` and `via`
 * may be NULL. */
void probe_tell(const struct probe *probe, const char *metric, uint32_t peer, uint64_t bytes,
                const char *part, const char *via, double *values, size_t count);
void probe_tell_trouble(const struct probe *probe, enum trouble_kind kind, enum test test,
                        uint32_t peer, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
