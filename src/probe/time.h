/* probe/time - how long a test may take for each thing it measures. */
#ifndef PROBE_TIME_H
#define PROBE_TIME_H

#include "base/clock.h"
#include "probe/probe.h"

#include <errno.h>

/* -ETIME with a sentence when the deadline is over: nothing more is begun. */
static inline int probe_time_left(const struct probe *probe, struct err *err)
{
    if (clock_now_ms() < probe->deadline_ms)
        return 0;
    return err_set(err, -ETIME, "its time was over before it began");
}

/* For each of `slices` parts of one measurement: its share of `ms`, or of what is left when that is
 * less; at least 1 ms. */
static inline int64_t probe_slice_ns(const struct probe *probe, int64_t slices)
{
    int64_t left = probe->deadline_ms - clock_now_ms(), ms = probe->ms;
    int64_t ns = (left < ms ? left : ms) * 1000000 / slices;

    return ns > 1000000 ? ns : 1000000;
}

#endif
