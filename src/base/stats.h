/* base/stats - the few exact tests that decide whether a difference explains who is slow.
 *
 * Pure functions; p values are one-sided and lie in (0, 1]. */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

#define STATS_MAD_TO_SIGMA  1.4826 /* of a normal distribution: standard by median deviation */
#define STATS_MEDIAN_SPREAD 1.2533 /* a median's standard error beside a mean's: sqrt(pi / 2) */

/* Natural logarithm of "n choose k"; -INFINITY when k > n. */
double stats_log_choose(uint32_t n, uint32_t k);

/* Fisher's exact test, upper tail of the hypergeometric: `with` of `carriers` nodes are slow,
 * `slow` of all `total` are. The chance of at least `with` when carriers are drawn blindly. */
double stats_fisher(uint32_t with, uint32_t carriers, uint32_t slow, uint32_t total);

/* Mann-Whitney: the chance that values of group a lie as low as they do against group b when both
 * are alike. Exact for small groups without ties, else the normal approximation with corrections
 * for ties and continuity. 1 when a group is empty, -1 when there is no memory. */
double stats_rank_lower(const double *a, size_t a_count, const double *b, size_t b_count);

/* Holm's correction in place: p[i] becomes the p value corrected for `tried` tests (at least
 * count). Needs `order`, room for count indices. */
void stats_holm(double *p, uint32_t *order, size_t count, size_t tried);

/* The lowest first. */
void stats_sort(double *values, size_t count);

/* The median; reorders `values`. NAN when there are none. */
double stats_median(double *values, size_t count);

/* Where the slow end and the rest part: values below *threshold are slow. Rests on the widest gap
 * when there is a clear one, else on median - 3 * 1.4826 * MAD. Reorders `values` (they come
 * back in rising order). Returns how many are below. */
size_t stats_split_low(double *values, size_t count, double *threshold);

#endif
