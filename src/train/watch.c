#include "train/watch.h"

#include "base/stats.h"
#include "base/str.h"

#include <float.h>
#include <stdbool.h>

#define MAD_FLOOR 1e-3 /* of the median */

const char *watch_verdict_name(enum watch_verdict verdict)
{
    static const char *const names[] = {"applied", "not finite", "spike of the loss",
                                        "spike of the gradient norm"};

    return names[verdict];
}

static bool is_spike(const struct watch *watch, const double *window, double value)
{
    double sorted[WATCH_WINDOW_MAX], middle, deviation, floor;

    if (watch->spike_z <= 0 || watch->count < watch->window)
        return false;
    memcpy(sorted, window, watch->window * sizeof(*sorted));
    middle = stats_median(sorted, watch->window);
    for (size_t i = 0; i < watch->window; i++)
        sorted[i] = window[i] > middle ? window[i] - middle : middle - window[i];
    deviation = stats_median(sorted, watch->window);
    floor = MAD_FLOOR * (middle < 0 ? -middle : middle);
    if (deviation < floor)
        deviation = floor;
    return value - middle > watch->spike_z * STATS_MAD_TO_SIGMA * deviation;
}

static bool is_finite(double value)
{
    return value >= -DBL_MAX && value <= DBL_MAX;
}

enum watch_verdict watch_step(struct watch *watch, double loss, double norm)
{
    enum watch_verdict verdict = WATCH_APPLY;

    if (!is_finite(loss) || !is_finite(norm))
        verdict = WATCH_NOT_FINITE;
    else if (is_spike(watch, watch->loss, loss))
        verdict = WATCH_SPIKE_LOSS;
    else if (is_spike(watch, watch->norm, norm))
        verdict = WATCH_SPIKE_NORM;
    if (verdict != WATCH_APPLY) {
        watch->skipped++;
        watch->skipped_in_a_row++;
        return verdict;
    }
    watch->loss[watch->count % watch->window] = loss;
    watch->norm[watch->count % watch->window] = norm;
    watch->count++;
    watch->skipped_in_a_row = 0;
    return verdict;
}
