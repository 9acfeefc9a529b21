#include "tensor/real.h"

#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* long double has 11 bits more, and its libm is the judge. */
static void near(double got, long double want, long double unit)
{
    if (!(fabsl(got - want) <= 1e-15L * unit))
        fail_msg("%.17g, but %.17Lg was wanted", got, want);
}

static void functions_are_near_the_true_ones(void **state)
{
    struct rng rng = {1};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        double wide = (rng_unit(&rng) - 0.5) * 1400;
        double x = i % 2 ? wide : ldexp(wide, -(int)rng_below(&rng, 60));
        double y = exp(x / 2), sine, cosine;

        near(real_exp(x), expl(x), expl(x));
        near(real_expm1(x), expm1l(x), fabsl(expm1l(x)));
        near(real_tanh(x), tanhl(x), fabsl(tanhl(x)));
        near(real_log(y), logl(y), fabsl(logl(y)));
        near(real_log(1 + x / 2000), logl(1 + x / 2000), fabsl(logl(1 + x / 2000)));
        real_sincos(x * 1000, &sine, &cosine);
        near(sine, sinl(x * 1000), 1);
        near(cosine, cosl(x * 1000), 1);
        near(real_pow(y, 0.25), powl(y, 0.25L), powl(y, 0.25L) * 100);
    }
}

static void the_ends_are_exact(void **state)
{
    double sine, cosine;

    (void)state;
    assert_true(real_exp(0) == 1 && real_exp(-INFINITY) == 0 && real_exp(-800) == 0);
    assert_true(isinf(real_exp(INFINITY)) && isinf(real_exp(710)) && isnan(real_exp(NAN)));
    assert_true(real_exp(-745.1) == DBL_TRUE_MIN && isfinite(real_exp(709.78)));
    assert_true(real_expm1(-INFINITY) == -1 && isinf(real_expm1(INFINITY)));
    assert_true(isnan(real_expm1(NAN)) && real_expm1(1e-300) == 1e-300);
    assert_true(real_tanh(INFINITY) == 1 && real_tanh(-INFINITY) == -1 && isnan(real_tanh(NAN)));
    assert_true(real_tanh(1e-310) == 1e-310 && signbit(real_tanh(-0.0)));
    assert_true(real_log(1) == 0 && real_log(0) == -INFINITY && isnan(real_log(-1)));
    assert_true(isinf(real_log(INFINITY)) && isnan(real_log(NAN)));
    near(real_log(DBL_TRUE_MIN), logl(DBL_TRUE_MIN), 745);
    real_sincos(0, &sine, &cosine);
    assert_true(sine == 0 && cosine == 1);
    real_sincos(INFINITY, &sine, &cosine);
    assert_true(isnan(sine) && isnan(cosine));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_near_the_true_ones),
        cmocka_unit_test(the_ends_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
