#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/stats.h"
#include "base/str.h"

#include <math.h>

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-6 * fabs(want) + 1e-12)
        fail_msg("%.10g is not %.10g", got, want);
}

static void test_fisher_is_the_upper_tail(void **state)
{
    /* By hand: 1 / (20 choose 3); the tea lady 1/70 and 17/70; R's phyper(2, 28, 484, 3, lower.tail
     * = FALSE). */
    (void)state;
    near(stats_fisher(3, 3, 3, 20), 1.0 / 1140);
    near(stats_fisher(4, 4, 4, 8), 1.0 / 70);
    near(stats_fisher(3, 4, 4, 8), 17.0 / 70);
    near(stats_fisher(3, 3, 28, 512), 28.0 * 27 * 26 / (512.0 * 511 * 510));
    near(stats_fisher(0, 5, 5, 20), 1);
    near(stats_fisher(5, 20, 5, 20), 1); /* all carry it */
    near(stats_fisher(1, 1, 5, 20), 0.25);
}

static void test_ranks_are_exact_for_small_groups(void **state)
{
    static const double low[] = {1, 2, 3}, high[] = {4, 5, 6, 7}, mixed[] = {1, 2, 5};
    static const double rest[] = {3, 4, 6, 7};

    (void)state;
    near(stats_rank_lower(low, 3, high, 4), 1.0 / 35);
    near(stats_rank_lower(high, 4, low, 3), 1);
    /* U = 0 + 0 + 2 = 2: of 35 sets of ranks 1 + 1 + 2 have a sum that low. */
    near(stats_rank_lower(mixed, 3, rest, 4), 4.0 / 35);
    near(stats_rank_lower(low, 0, high, 4), 1);
}

static void test_three_lowest_of_many_are_rare(void **state)
{
    static double others[12500];
    static const double three[] = {1, 2, 3};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = 100 + (double)i;
    near(stats_rank_lower(three, 3, others, 12500), 6.0 / (12503.0 * 12502.0 * 12501.0));
    /* Ties among the others change nothing for three that lie below them. */
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = 100 + (double)(i % 7);
    near(stats_rank_lower(three, 3, others, 12500), 6.0 / (12503.0 * 12502.0 * 12501.0));
}

static void test_large_groups_use_the_normal_approximation(void **state)
{
    double a[20], b[30];

    (void)state;
    /* R: wilcox.test(a, b, alternative = "less", exact = FALSE)$p.value for a = rep(1:10, 2), b =
     * rep(4:13, 3): W = 120, tie correction and continuity as computed by hand below. */
    for (int i = 0; i < 20; i++)
        a[i] = 1 + i % 10;
    for (int i = 0; i < 30; i++)
        b[i] = 4 + i % 10;
    {
        double u = 0, ties = 0, z;

        for (int i = 0; i < 20; i++)
            for (int k = 0; k < 30; k++)
                u += a[i] > b[k] ? 1 : a[i] == b[k] ? 0.5 : 0;
        for (int v = 1; v <= 13; v++) {
            double n = (v <= 10 ? 2 : 0) + (v >= 4 ? 3 : 0);

            ties += n * n * n - n;
        }
        z = (u - 300 + 0.5) / sqrt(50.0 * (51 - ties / (50.0 * 49)));
        near(stats_rank_lower(a, 20, b, 30), 0.5 * erfc(-z / sqrt(2)));
    }
}

static void test_equal_values_tell_nothing(void **state)
{
    double same[40];

    (void)state;
    for (int i = 0; i < 40; i++)
        same[i] = 5;
    near(stats_rank_lower(same, 20, same + 20, 20), 1);
    near(stats_rank_lower(same, 2, same + 2, 20), 1);
}

static void test_holm_steps_down(void **state)
{
    double p[] = {0.04, 0.01, 0.03, 0.005};
    uint32_t order[4];

    (void)state; /* R: p.adjust(c(0.04, 0.01, 0.03, 0.005), "holm") */
    stats_holm(p, order, 4, 4);
    near(p[0], 0.06);
    near(p[1], 0.03);
    near(p[2], 0.06);
    near(p[3], 0.02);
}

static void test_the_slow_end_is_split_off(void **state)
{
    double two[] = {88, 49, 87, 50, 88},
           noise[] = {390, 391, 392, 389, 393, 390, 391, 392, 388, 300};
    double even[] = {390, 391, 392, 389, 393, 390, 391}, fast[] = {10, 10, 10, 10, 10, 10, 90};
    double threshold;

    (void)state;
    assert_int_equal(stats_split_low(two, 5, &threshold), 2);
    assert_true(threshold > 50 && threshold < 87);
    assert_int_equal(stats_split_low(noise, 10, &threshold), 1);
    assert_int_equal(stats_split_low(even, 7, &threshold), 0);
    assert_int_equal(stats_split_low(fast, 7, &threshold), 0);
    assert_int_equal(stats_split_low(fast, 0, &threshold), 0);
}

static void test_the_median_of_none_is_not_a_number(void **state)
{
    double values[] = {3, 1, 2, 10};

    (void)state;
    near(stats_median(values, 3), 2);
    near(stats_median(values, 4), 2.5);
    assert_true(isnan(stats_median(values, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fisher_is_the_upper_tail),
        cmocka_unit_test(test_ranks_are_exact_for_small_groups),
        cmocka_unit_test(test_three_lowest_of_many_are_rare),
        cmocka_unit_test(test_large_groups_use_the_normal_approximation),
        cmocka_unit_test(test_equal_values_tell_nothing),
        cmocka_unit_test(test_holm_steps_down),
        cmocka_unit_test(test_the_slow_end_is_split_off),
        cmocka_unit_test(test_the_median_of_none_is_not_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
