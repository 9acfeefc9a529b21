#include "base/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

double stats_log_choose(uint32_t n, uint32_t k)
{
    if (k > n)
        return -INFINITY;
    return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

double stats_fisher(uint32_t with, uint32_t carriers, uint32_t slow, uint32_t total)
{
    uint32_t most = carriers < slow ? carriers : slow;
    uint32_t least = carriers + slow > total ? carriers + slow - total : 0;
    double all = stats_log_choose(total, carriers), sum = 0;

    if (with <= least)
        return 1;
    for (uint32_t k = most; k >= with; k--) /* smallest terms first */
        sum += exp(stats_log_choose(slow, k) + stats_log_choose(total - slow, carriers - k) - all);
    return sum > 1 ? 1 : sum;
}

struct ranked {
    double value;
    bool in_a;
};

static int by_value(const void *x, const void *y)
{
    double a = ((const struct ranked *)x)->value, b = ((const struct ranked *)y)->value;

    return a < b ? -1 : a > b;
}

/* The work of the exact distribution is m * u * u; this bound keeps it below 20 ms. */
#define EXACT_WORK_MAX 20000000.0
/* Below this many values in a group the normal approximation is off by powers of ten in the tail.
 */
#define GROUP_SMALL 10

/* P(U <= u) for groups of m and n without ties, m <= n: how many of the "m + n choose m" sets of
 * ranks have a rank sum (each lowered by its least) of at most u, that is partitions of s <= u into
 * at most m parts of at most n. */
static double exact_lower(size_t m, size_t n, size_t u)
{
    size_t row = u + 1;
    double *ways = calloc((m + 1) * row, sizeof(*ways)), below = 0;

    if (!ways)
        return -1;
    for (size_t k = 0; k <= m; k++)
        ways[k * row] = 1;
    /* A part larger than u cannot occur in a sum of at most u. */
    for (size_t j = 1; j <= (n < u ? n : u); j++)
        for (size_t k = 1; k <= m; k++) {
            double *now = ways + k * row, *less = now - row;

            /* p(s, k, j) = p(s, k - 1, j) + p(s - k, k, j - 1); `now` still holds j - 1. */
            for (size_t s = row; s-- > 0;)
                now[s] = less[s] + (s >= k ? now[s - k] : 0);
        }
    for (size_t s = 0; s < row; s++)
        below += ways[m * row + s];
    free(ways);
    below = exp(log(below) - stats_log_choose((uint32_t)(m + n), (uint32_t)m));
    return below > 1 ? 1 : below;
}

double stats_rank_lower(const double *a, size_t a_count, const double *b, size_t b_count)
{
    size_t total = a_count + b_count;
    double m = (double)a_count, n = (double)b_count, ranks = 0, ties = 0, halves = 0;
    double u, mean, variance, z, least = m < n ? m : n;
    struct ranked *all;

    if (!a_count || !b_count)
        return 1;
    all = malloc(total * sizeof(*all));
    if (!all)
        return -1;
    for (size_t i = 0; i < total; i++)
        all[i] = i < a_count ? (struct ranked){a[i], true} : (struct ranked){b[i - a_count], false};
    qsort(all, total, sizeof(*all), by_value);
    for (size_t i = 0, end; i < total; i = end) {
        double rank, tied, of_a = 0;

        for (end = i + 1; end < total && all[end].value == all[i].value;)
            end++;
        rank = ((double)i + 1 + (double)end) / 2;
        tied = (double)(end - i);
        ties += tied * tied * tied - tied;
        for (size_t k = i; k < end; k++)
            of_a += all[k].in_a;
        ranks += of_a * rank;
        halves += of_a * (tied - of_a) / 2;
    }
    free(all);
    u = ranks - m * (m + 1) / 2;
    /* With ties in a small group each tie is taken for the less telling order. */
    if ((ties == 0 || least < GROUP_SMALL) &&
        least * (u + halves) * (u + halves) <= EXACT_WORK_MAX) {
        size_t whole = (size_t)(u + halves + 0.25);

        /* Symmetric in the groups: the smaller one gives the smaller table. */
        return a_count <= b_count ? exact_lower(a_count, b_count, whole)
                                  : exact_lower(b_count, a_count, whole);
    }
    mean = m * n / 2;
    variance = m * n / 12 * (m + n + 1 - ties / ((m + n) * (m + n - 1)));
    if (variance <= 0)
        return 1; /* all values are equal */
    z = (u - mean + 0.5) / sqrt(variance);
    return 0.5 * erfc(-z / sqrt(2));
}

void stats_holm(double *p, uint32_t *order, size_t count, size_t tried)
{
    double floor = 0;

    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    /* Insertion keeps equal p in their order and needs no context for qsort; count is the number
     * of differences, at most a few thousand. */
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && p[order[k]] < p[order[k - 1]]; k--) {
            uint32_t swap = order[k];

            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
    for (size_t i = 0; i < count; i++) {
        double corrected = p[order[i]] * (double)(tried - i);

        if (corrected > floor)
            floor = corrected;
        p[order[i]] = floor > 1 ? 1 : floor;
    }
}

static int by_number(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

void stats_sort(double *values, size_t count)
{
    if (count)
        qsort(values, count, sizeof(*values), by_number);
}

double stats_median(double *values, size_t count)
{
    if (!count)
        return NAN;
    stats_sort(values, count);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* A gap parts two groups when it takes this share of the whole range and of the median. */
#define GAP_OF_RANGE  0.4
#define GAP_OF_MEDIAN 0.05

size_t stats_split_low(double *values, size_t count, double *threshold)
{
    double median = stats_median(values, count), gap = 0, mad, *away;
    size_t at = 0, below = 0;

    *threshold = -INFINITY;
    if (count < 2)
        return 0;
    for (size_t i = 1; i < count; i++)
        if (values[i] - values[i - 1] > gap) {
            gap = values[i] - values[i - 1];
            at = i;
        }
    /* A lone value far above the rest is a fast outlier, not a reason to call all others slow. */
    if (gap >= GAP_OF_RANGE * (values[count - 1] - values[0]) &&
        gap >= GAP_OF_MEDIAN * fabs(median) && at * 5 <= count * 4) {
        *threshold = values[at - 1] + gap / 2;
        return at;
    }
    away = malloc(count * sizeof(*away));
    if (!away)
        return 0;
    for (size_t i = 0; i < count; i++)
        away[i] = fabs(values[i] - median);
    mad = stats_median(away, count);
    free(away);
    *threshold = median - 3 * STATS_MAD_TO_SIGMA * mad;
    while (below < count && values[below] < *threshold)
        below++;
    return below;
}
