/* measure/metric - what a fabric test measures: one row a number, with its unit and the test that
 * brings it. `firstlight fabric --metric`, help, JSON, CSV and reports read this table. */
#ifndef MEASURE_METRIC_H
#define MEASURE_METRIC_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum test {
    TEST_PAIRS,    /* two nodes at a time: bandwidth, latency */
    TEST_LOOPBACK, /* each port with itself */
    TEST_MEMORY,   /* bandwidth of each NUMA node, and between them */
    TEST_CPU,      /* matrix rate of each core */
    TEST_DISK,
    TEST_CLOCK, /* offset against the head, and drift */
    TEST_NAMES, /* host names to addresses and back */
    TEST_GPU,   /* memory, matrix rate, copies; only where there is one */
    TEST_COUNT
};

struct test_kind {
    const char *name; /* "pairs": what --tests takes */
    const char *what; /* one line for help */
};
extern const struct test_kind test_kinds[TEST_COUNT];

enum unit { UNIT_BYTES_PER_S, UNIT_FLOP_PER_S, UNIT_SECONDS, UNIT_RATIO };

struct metric {
    const char *name; /* "pair.bandwidth" */
    enum test test;
    enum unit unit;
    bool of_pair; /* of two nodes, from `node` to `peer`; else of one */
    bool lower_is_better;
    const char *what; /* a few words for help */
};
extern const struct metric metrics[];
extern const size_t metric_count;

/* NULL: no such. */
const struct metric *metric_find(struct str name);
/* -1: no such; the nearest is for whoever words the sentence (str_nearest). */
int test_find(struct str name);

/* "11.8 GB/s", "3.20 us", "412 TFLOP/s", "1.30 ppm": three digits. Powers of 1000; "-" for NAN. */
#define METRIC_VALUE_BYTES 24
const char *metric_value(enum unit unit, double value, char out[METRIC_VALUE_BYTES]);

#endif
