#include "train/sampler.h"

#include "base/rng.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT 6

static const float logits[COUNT] = {1, 3, 3, -2, 2, -100};

static void cold_is_the_likeliest_lowest_index_first(void **state)
{
    int32_t order[COUNT];

    (void)state;
    assert_int_equal(sampler_choose(logits, COUNT, 0, 1, 0.99, order), 1);
}

static void draws_have_the_softmax(void **state)
{
    int32_t order[COUNT];
    double seen[COUNT] = {0}, sum = 0;
    struct rng rng = {3};

    (void)state;
    for (int i = 0; i < 200000; i++)
        seen[sampler_choose(logits, COUNT, 0.7, 1, rng_unit(&rng), order)]++;
    for (int i = 0; i < COUNT; i++)
        sum += exp(logits[i] / 0.7);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabs(seen[i] / 200000 - exp(logits[i] / 0.7) / sum) < 0.005);
}

static void the_nucleus_leaves_out_what_is_unlikely(void **state)
{
    int32_t order[COUNT];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int32_t id = sampler_choose(logits, COUNT, 1, 0.7, i / 1000.0, order);

        assert_true(id == 1 || id == 2);
    }
    assert_int_equal(sampler_choose(logits, COUNT, 1, 0.0, 0.999, order), 1);
}

static void logits_that_are_not_finite_are_survived(void **state)
{
    float bad[COUNT] = {NAN, NAN, NAN, NAN, NAN, NAN};
    float huge[COUNT] = {1, INFINITY, 0, 0, 0, -INFINITY};
    int32_t order[COUNT];

    (void)state;
    assert_in_range(sampler_choose(bad, COUNT, 1, 0.9, 0.5, order), 0, COUNT - 1);
    assert_int_equal(sampler_choose(huge, COUNT, 1, 0.9, 0.5, order), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold_is_the_likeliest_lowest_index_first),
        cmocka_unit_test(draws_have_the_softmax),
        cmocka_unit_test(the_nucleus_leaves_out_what_is_unlikely),
        cmocka_unit_test(logits_that_are_not_finite_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
