#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/metric.h"

#include <math.h>

static void test_every_metric_and_test_is_found_by_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < metric_count; i++) {
        assert_ptr_equal(metric_find(str_of(metrics[i].name)), &metrics[i]);
        assert_int_equal(metrics[i].of_pair, metrics[i].test == TEST_PAIRS);
        assert_int_equal(metrics[i].lower_is_better,
                         metrics[i].unit == UNIT_SECONDS || metrics[i].unit == UNIT_RATIO);
    }
    for (int i = 0; i < TEST_COUNT; i++)
        assert_int_equal(test_find(str_of(test_kinds[i].name)), i);
    assert_null(metric_find(STR("pair.latency")));
    assert_null(metric_find(STR("")));
    assert_int_equal(test_find(STR("pair")), -1);
}

static void test_every_test_brings_a_metric(void **state)
{
    unsigned seen = 0;

    (void)state;
    for (size_t i = 0; i < metric_count; i++)
        seen |= 1u << metrics[i].test;
    assert_int_equal(seen, (1u << TEST_COUNT) - 1);
}

static void test_values_have_three_digits(void **state)
{
    static const struct {
        enum unit unit;
        double value;
        const char *want;
    } cases[] = {
        {UNIT_BYTES_PER_S, 11.8e9, "11.8 GB/s"},
        {UNIT_BYTES_PER_S, 999.4, "999 B/s"},
        {UNIT_BYTES_PER_S, 999.6, "1.00 kB/s"},
        {UNIT_BYTES_PER_S, 9.996e6, "10.0 MB/s"},
        {UNIT_BYTES_PER_S, 99.96e6, "100 MB/s"},
        {UNIT_BYTES_PER_S, 0, "0.00 B/s"},
        {UNIT_BYTES_PER_S, -0.0, "0.00 B/s"},
        {UNIT_BYTES_PER_S, 5e19, "50000 PB/s"},
        {UNIT_FLOP_PER_S, 412e12, "412 TFLOP/s"},
        {UNIT_SECONDS, 3.2e-6, "3.20 us"},
        {UNIT_SECONDS, -1.5e-3, "-1.50 ms"},
        {UNIT_SECONDS, 1e-10, "0.10 ns"},
        {UNIT_SECONDS, 75, "75.0 s"},
        {UNIT_SECONDS, 86400, "86400 s"},
        {UNIT_RATIO, 1.3e-6, "1.30 ppm"},
        {UNIT_RATIO, -0.5, "-500000 ppm"},
        {UNIT_SECONDS, NAN, "-"},
        {UNIT_SECONDS, INFINITY, "-"},
        {UNIT_SECONDS, -1.7e290, "-1.70e+290 s"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[METRIC_VALUE_BYTES];

        assert_string_equal(metric_value(cases[i].unit, cases[i].value, out), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_metric_and_test_is_found_by_its_name),
        cmocka_unit_test(test_every_test_brings_a_metric),
        cmocka_unit_test(test_values_have_three_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
