#include "train/schedule.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct train_config config_of(int schedule)
{
    struct train_config config = {0};

    config.train.steps = 1000;
    config.optim.lr = 2e-3;
    config.optim.min_lr = 0.1;
    config.optim.warmup = 100;
    config.optim.schedule = schedule;
    config.optim.wsd_decay = 0.2;
    return config;
}

static void warm_up_is_linear_and_ends_at_the_rate(void **state)
{
    struct train_config config = config_of(SCHEDULE_COSINE);

    (void)state;
    assert_true(schedule_lr(&config, 1) == 2e-3 / 100);
    assert_true(fabs(schedule_lr(&config, 50) - 1e-3) < 1e-18);
    assert_true(fabs(schedule_lr(&config, 100) - 2e-3) < 1e-18);
}

static void cosine_is_libms_within_a_few_bits(void **state)
{
    struct train_config config = config_of(SCHEDULE_COSINE);

    (void)state;
    for (int64_t step = 101; step <= 1000; step++) {
        double x = (double)(step - 100) / 900.0;
        double want = 2e-4 + 1.8e-3 * 0.5 * (1 + cos(M_PI * x));

        assert_true(fabs(schedule_lr(&config, step) - want) < 1e-17);
    }
    assert_true(schedule_lr(&config, 1000) == 0.1 * 2e-3);
    assert_true(schedule_lr(&config, 5000) == 0.1 * 2e-3);
}

static void wsd_is_flat_and_then_falls(void **state)
{
    struct train_config config = config_of(SCHEDULE_WSD);

    (void)state;
    assert_true(schedule_lr(&config, 800) == 2e-3);
    assert_true(fabs(schedule_lr(&config, 900) - 1.1e-3) < 1e-15);
    assert_true(fabs(schedule_lr(&config, 1000) - 2e-4) < 1e-18);
}

static void constant_stays(void **state)
{
    struct train_config config = config_of(SCHEDULE_CONSTANT);

    (void)state;
    assert_true(schedule_lr(&config, 1000000) == 2e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_up_is_linear_and_ends_at_the_rate),
        cmocka_unit_test(cosine_is_libms_within_a_few_bits),
        cmocka_unit_test(wsd_is_flat_and_then_falls),
        cmocka_unit_test(constant_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
