/* probe/cpu - how much each core does in the same time, all at work at once, as in a job. */
#ifndef PROBE_CPU_H
#define PROBE_CPU_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What cores repeat. `now_ns` is read by the core that works, before and after a turn. */
struct cpu_bench {
    void *data;
    double flop; /* of a turn */
    void (*turn)(void *data, size_t core);
    int64_t (*now_ns)(void);
};

/* FLOP/s of each core, `repeats` times: rates[repeat * count + core]. A slice goes first that does
 * not count, since clocks and caches have to come up. Returns 0, or a negative errno with a
 * sentence. */
int cpu_rates(const uint32_t *cores, size_t count, const struct cpu_bench *bench, int64_t slice_ns,
              size_t repeats, double *rates, struct err *err);

#endif
