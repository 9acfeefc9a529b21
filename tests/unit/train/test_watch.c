#include "train/watch.h"

#include "base/rng.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct watch full_watch(void)
{
    struct watch watch = {.window = 64, .spike_z = 8};
    struct rng rng = {5};

    for (int i = 0; i < 100; i++)
        assert_int_equal(watch_step(&watch, 3 + 0.1 * rng_unit(&rng), 1 + 0.2 * rng_unit(&rng)),
                         WATCH_APPLY);
    return watch;
}

static void what_is_not_finite_is_never_applied_and_leaves_no_trace(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    struct watch watch = full_watch(), before = watch;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(watch_step(&watch, bad[i], 1), WATCH_NOT_FINITE);
        assert_int_equal(watch_step(&watch, 3, bad[i]), WATCH_NOT_FINITE);
    }
    assert_memory_equal(watch.loss, before.loss, sizeof(watch.loss));
    assert_int_equal(watch.skipped, 6);
    assert_int_equal(watch.skipped_in_a_row, 6);
    assert_int_equal(watch_step(&watch, 3.05, 1.1), WATCH_APPLY);
    assert_int_equal(watch.skipped_in_a_row, 0);
}

static void a_spike_is_upward_and_far_out(void **state)
{
    struct watch watch = full_watch();

    (void)state;
    assert_int_equal(watch_step(&watch, 9, 1.1), WATCH_SPIKE_LOSS);
    assert_int_equal(watch_step(&watch, 3.05, 30), WATCH_SPIKE_NORM);
    assert_int_equal(watch_step(&watch, 1, 0.01), WATCH_APPLY);
    assert_int_equal(watch_step(&watch, 3.11, 1.25), WATCH_APPLY);
}

static void there_are_no_spikes_before_the_window_is_full_or_when_off(void **state)
{
    struct watch young = {.window = 64, .spike_z = 8}, off = full_watch();

    (void)state;
    for (int i = 0; i < 63; i++)
        assert_int_equal(watch_step(&young, 3, 1), WATCH_APPLY);
    assert_int_equal(watch_step(&young, 1e6, 1e6), WATCH_APPLY);
    off.spike_z = 0;
    assert_int_equal(watch_step(&off, 1e6, 1e6), WATCH_APPLY);
}

static void a_flat_stretch_makes_no_spikes(void **state)
{
    struct watch watch = {.window = 16, .spike_z = 8};

    (void)state;
    for (int i = 0; i < 32; i++)
        assert_int_equal(watch_step(&watch, 2, 1), WATCH_APPLY);
    assert_int_equal(watch_step(&watch, 2.01, 1.005), WATCH_APPLY);
    assert_int_equal(watch_step(&watch, 2.1, 1), WATCH_SPIKE_LOSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_finite_is_never_applied_and_leaves_no_trace),
        cmocka_unit_test(a_spike_is_upward_and_far_out),
        cmocka_unit_test(there_are_no_spikes_before_the_window_is_full_or_when_off),
        cmocka_unit_test(a_flat_stretch_makes_no_spikes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
