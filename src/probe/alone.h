/* probe/alone - a probe outside a run: it measures this machine and prints what came of it. */
#ifndef PROBE_ALONE_H
#define PROBE_ALONE_H

#include "probe/carry.h"

#define ALONE_MS       200 /* for each single measurement */
#define ALONE_MS_MAX   600000
#define ALONE_LIMIT_MS 600000 /* for all of them, on top of what --ms asks for */

/* The tests that a machine can make by itself, as bits: those named, or all when `count` is 0. 0
 * with a sentence when there is no such test. */
uint32_t alone_tests(const char *const *names, size_t count, struct err *err);

/* Measure for `ms` each. */
void alone_measure(const struct card *card, uint32_t tests, uint32_t ms, struct told *told);

/* A line a measure, then a line a trouble. */
void alone_print(const struct card *card, const struct told *told, struct buf *out);
/* {"card": {...}, "answer": {...}}, as head and probes write them. */
void alone_print_json(const struct card *card, const struct told *told, struct buf *out);

#endif
