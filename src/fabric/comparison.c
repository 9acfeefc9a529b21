#include "fabric/comparison.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

#define SPREAD_MIN 0.003

double comparison_log_ratio(const struct metric *metric, double before, double after)
{
    return metric->lower_is_better ? log(before / after) : log(after / before);
}

bool comparison_is_possible(const struct metric *metric, double before, double after)
{
    return metric->test != TEST_CLOCK && before > 0 && after > 0 && isfinite(before) &&
           isfinite(after);
}

void comparison_add(struct comparison *work, struct change change, double spread)
{
    change.ratio = exp(comparison_log_ratio(change.metric, change.before, change.after));
    work->grounds[work->count] = (struct ground){.spread = fmax(spread, SPREAD_MIN)};
    work->changes[work->count++] = change;
}

/* The middle of all log ratios from `begin` on, and how they scatter round it. */
static int scatter(struct comparison *work, uint32_t begin, double *middle, double *sigma)
{
    uint32_t count = work->count - begin;
    double *values = arena_alloc(work->arena, (count + 1) * sizeof(*values));

    if (!values)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        values[i] = log(work->changes[begin + i].ratio);
    *middle = stats_median(values, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = fabs(log(work->changes[begin + i].ratio) - *middle);
    *sigma = count < SCATTER_FROM ? 0 : STATS_MAD_TO_SIGMA * stats_median(values, count);
    return 0;
}

int comparison_settle(struct comparison *work, uint32_t begin)
{
    uint32_t alike = work->count - begin;
    double middle, sigma;
    int r = scatter(work, begin, &middle, &sigma);

    for (uint32_t i = begin; r == 0 && i < work->count; i++) {
        work->grounds[i].scatter = sigma;
        work->grounds[i].middle = alike < SCATTER_FROM ? 0 : middle;
        work->grounds[i].alike = alike;
    }
    return r;
}
