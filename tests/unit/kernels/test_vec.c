/* exp, tanh, log and gelu at every level against libm in double, over all of fp32. */
#include "kernels/cpu/each.h"

#include "unit/kernels/lab.h"

#define AT_ONCE 1037 /* no multiple of any lane count */
#define STRIDE  1999 /* of the bit patterns that are tried */

static const struct each_ops *const levels[KERNEL_LEVELS] = {
    &each_ops_ref, &each_ops_avx2, &each_ops_avx512, &each_ops_avx512bf16};

static double gelu(double x)
{
    double inner = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);

    return x < -20 ? -0.0 : x / (1 + exp(-2 * inner));
}

static double gelu_slope(double x)
{
    double c = sqrt(2 / M_PI), s = 1 / (1 + exp(-2 * c * (x + 0.044715 * x * x * x)));

    if (fabs(x) > 20)
        return x > 0;
    return s + x * s * (1 - s) * 2 * c * (1 + 3 * 0.044715 * x * x);
}

typedef void each_fn(size_t n, const float *in, float *out);

static each_fn *function_of(const struct each_ops *ops, int which)
{
    each_fn *const all[] = {ops->exp, ops->tanh, ops->log, ops->gelu, ops->gelu_slope};

    return all[which];
}

static const struct {
    const char *name;
    double (*want)(double x);
    double ulps;     /* allowed at the vector levels; at ref it is 0.51 everywhere */
    double absolute; /* or this much ... */
    double of_x;     /* ... or this part of |x|, left of 0 */
} functions[] = {
    {"exp", exp, 1.1, 0, 0},
    {"tanh", tanh, 2.5, 0, 0},
    {"log", log, 1, 0, 0},
    {"gelu", gelu, 2.6, 0, 1.1e-7},
    {"gelu_slope", gelu_slope, 0, 5e-7, 0},
};

/* In units of the last place of the float nearest to `want`. */
static double ulps_between(float got, double want)
{
    float nearest = (float)want;
    int exponent;

    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf(nearest) || isinf(got))
        return got == nearest || fabs(got) > 3.4e38 ? 0 : INFINITY;
    (void)frexp(want, &exponent);
    return fabs(got - want) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static void check(enum kernel_level level, int which, const float *in, const float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double want = functions[which].want(in[i]), error = fabs(out[i] - want);
        double ulps = ulps_between(out[i], want);

        if (ulps <= (level == KERNEL_REF ? 0.51 : functions[which].ulps))
            continue;
        if (error <= functions[which].absolute ||
            (in[i] < 0 && error <= functions[which].of_x * -in[i]))
            continue;
        fail_msg("%s(%a) at level %s is %a and should be %a: %.3f ulp", functions[which].name,
                 in[i], kernel_level_name(level), out[i], want, ulps);
    }
}

static void every_function_is_near_the_true_one(void **state)
{
    const size_t count = sizeof(functions) / sizeof(*functions);
    float in[AT_ONCE], out[AT_ONCE];
    uint64_t bits = 0;

    (void)state;
    while (bits <= UINT32_MAX) {
        for (size_t i = 0; i < AT_ONCE; i++, bits += STRIDE) {
            uint32_t low = bits <= UINT32_MAX ? (uint32_t)bits : UINT32_MAX;

            memcpy(&in[i], &low, sizeof(low));
        }
        for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
            for (size_t which = 0; which < count; which++) {
                function_of(levels[level], (int)which)(AT_ONCE, in, out);
                check(level, (int)which, in, out, AT_ONCE);
            }
    }
}

static void the_ends_are_exact(void **state)
{
    static const struct {
        int which;
        float x, want;
    } cases[] = {
        {0, 0, 1},          {0, -0.0f, 1},           {0, INFINITY, INFINITY},
        {0, -INFINITY, 0},  {0, 88.8f, INFINITY},    {0, -104, 0},
        {1, 0, 0},          {1, -0.0f, -0.0f},       {1, INFINITY, 1},
        {1, -INFINITY, -1}, {1, 1e-40f, 1e-40f},     {1, -20, -1},
        {2, 1, 0},          {2, 0, -INFINITY},       {2, -0.0f, -INFINITY},
        {2, -1, NAN},       {2, INFINITY, INFINITY}, {2, -INFINITY, NAN},
        {3, 0, 0},          {3, INFINITY, INFINITY}, {3, -INFINITY, -0.0f},
        {3, -100, -0.0f},   {3, 100, 100},           {3, 3e38f, 3e38f},
        {4, 0, 0.5f},       {4, INFINITY, 1},        {4, -INFINITY, 0},
        {4, 1e30f, 1},      {4, -1e30f, 0},
    };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
            float out;

            function_of(levels[level], cases[i].which)(1, &cases[i].x, &out);
            if (isnan(cases[i].want)
                    ? !isnan(out)
                    : out != cases[i].want || signbit(out) != signbit(cases[i].want))
                fail_msg("%s(%g) at level %s is %g, not %g", functions[cases[i].which].name,
                         cases[i].x, kernel_level_name(level), out, cases[i].want);
        }
        for (int which = 0; which < 5; which++) {
            float x = NAN, out = 0;

            function_of(levels[level], which)(1, &x, &out);
            assert_true(isnan(out));
        }
    }
}

static void a_lane_does_not_depend_on_the_others(void **state)
{
    float in[AT_ONCE], whole[AT_ONCE], narrow[AT_ONCE], one;

    (void)state;
    for (size_t i = 0; i < AT_ONCE; i++)
        in[i] = (float)(rng_unit(&lab_rng) * 40 - 20);
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int which = 0; which < 5; which++) {
            function_of(levels[level], which)(AT_ONCE, in, whole);
            for (size_t i = 0; i < AT_ONCE; i++) {
                function_of(levels[level], which)(1, &in[i], &one);
                assert_memory_equal(&one, &whole[i], sizeof(one));
            }
            if (level > KERNEL_AVX2) { /* both lane counts give the same bits */
                function_of(levels[KERNEL_AVX2], which)(AT_ONCE, in, narrow);
                assert_memory_equal(narrow, whole, sizeof(whole));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_near_the_true_one),
        cmocka_unit_test(the_ends_are_exact),
        cmocka_unit_test(a_lane_does_not_depend_on_the_others),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
