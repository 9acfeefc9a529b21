#include "kernels/rope.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TURN 6.283185307179586477

static void assert_near(double got, double want, double bound)
{
    if (!(fabs(got - want) <= bound))
        fail_msg("%.9g, want %.9g", got, want);
}

/* libm is right to the last bits, and those are not asked for. */
static void test_table_is_the_formula(void **state)
{
    static const size_t dims[] = {2, 64, 128, 34};

    (void)state;
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
        struct rope rope = {.head_dim = dims[i], .theta = 10000};
        size_t half = dims[i] / 2, positions = 700;
        float *c = calloc(positions * half, sizeof(*c)), *s = calloc(positions * half, sizeof(*s));

        rope_table(&rope, positions, c, s);
        for (size_t p = 0; p < positions; p++)
            for (size_t j = 0; j < half; j++) {
                double angle = (double)p * pow(10000, -2.0 * (double)j / (double)dims[i]);

                assert_near((double)c[p * half + j], cos(angle), 6.1e-8);
                assert_near((double)s[p * half + j], sin(angle), 6.1e-8);
            }
        free(c);
        free(s);
    }
}

static void test_a_million_positions_keep_their_digits(void **state)
{
    struct rope rope = {.head_dim = 2, .theta = 10000}; /* one pair, which turns by 1 */
    size_t positions = 1000001;
    float *c = calloc(positions, sizeof(*c)), *s = calloc(positions, sizeof(*s));

    (void)state;
    rope_table(&rope, positions, c, s);
    for (size_t p = 0; p < positions; p += 101) {
        assert_near((double)c[p], cos((double)p), 6.1e-8);
        assert_near((double)s[p], sin((double)p), 6.1e-8);
    }
    free(c);
    free(s);
}

/* Grok-2's numbers: what turns often within the old context stays, what never turns is slowed down
 * by the factor, and between them lies a ramp. */
static void test_yarn_slows_down_what_turns_seldom(void **state)
{
    struct rope rope = {.head_dim = 128,
                        .theta = 208533496,
                        .factor = 16,
                        .original_context = 8192,
                        .beta_fast = 8,
                        .beta_slow = 1};
    float c[2 * 64], s[2 * 64];
    double last = 0, low = floor(128 * log(8192 / (8 * TURN)) / (2 * log(208533496.0))),
           high = ceil(128 * log(8192 / TURN) / (2 * log(208533496.0)));

    (void)state;
    rope_table(&rope, 2, c, s);
    for (size_t j = 0; j < 64; j++) {
        double plain = pow(208533496, -(double)j / 64), ratio = asin((double)s[64 + j]) / plain,
               ramp = fmin(1, fmax(0, ((double)j - low) / (high - low)));

        if (j > 0) /* asin knows no more than a quarter turn; pair 0 turns by 1, well below */
            assert_true(asin((double)s[64 + j]) < last);
        last = asin((double)s[64 + j]);
        assert_near(ratio, (1 - ramp) + ramp / 16, 1e-6);
    }
}

static void test_magnitude_is_a_factor(void **state)
{
    struct rope rope = {.head_dim = 4, .theta = 100};
    float c[2][6], s[2][6];

    (void)state;
    rope_table(&rope, 3, c[0], s[0]);
    rope.magnitude = 1.25;
    rope_table(&rope, 3, c[1], s[1]);
    for (size_t i = 0; i < 6; i++) {
        assert_near((double)c[1][i], 1.25 * (double)c[0][i], 1e-7);
        assert_near((double)s[1][i], 1.25 * (double)s[0][i], 1e-7);
    }
}

/* Rows of `heads` heads, wider in memory than they are. */
struct rows {
    size_t rows, heads, head_dim, ld;
    float *cos_table, *sin_table;
    struct mat x;
};

static struct rows rows_new(size_t rows, size_t heads, size_t head_dim, enum dtype type)
{
    struct rope rope = {.head_dim = head_dim, .theta = 10000};
    struct rows r = {rows, heads, head_dim, heads * head_dim + 5, NULL, NULL, {NULL, 0, type}};

    r.cos_table = calloc(rows * head_dim / 2, sizeof(float));
    r.sin_table = calloc(rows * head_dim / 2, sizeof(float));
    rope_table(&rope, rows, r.cos_table, r.sin_table);
    r.x = mat_of(type, calloc(rows * r.ld, dtype_bytes(type)), r.ld);
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < r.ld; c++)
            mat_set(r.x, i, c, (float)((i * 37 + c * 11) % 101) / 50 - 1);
    return r;
}

static void rows_free(struct rows *r)
{
    free(r->cos_table);
    free(r->sin_table);
    free(r->x.p);
}

static void test_apply_turns_every_pair(void **state)
{
    static const size_t dims[] = {2, 34, 64, 128};

    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
            for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
                struct rows r = rows_new(77, 3, dims[i], type),
                            old = rows_new(77, 3, dims[i], type);
                size_t half = dims[i] / 2;
                double bound = type == DTYPE_F32 ? 2.5e-7 : 6e-3;
                struct exec exec;

                assert_int_equal(exec_init(&exec, 2, kernel_level_name(level), NULL), 0);
                rope_apply(&exec, 77, 25, NULL, 3, dims[i], r.cos_table, r.sin_table, r.x, false);
                for (size_t row = 0; row < 77; row++) {
                    for (size_t head = 0; head < 3; head++)
                        for (size_t j = 0; j < half; j++) {
                            size_t at = row % 25 * half + j, c = head * dims[i] + j;
                            double a = (double)mat_get(old.x, row, c),
                                   b = (double)mat_get(old.x, row, c + half),
                                   co = (double)r.cos_table[at], si = (double)r.sin_table[at];

                            assert_near((double)mat_get(r.x, row, c), a * co - b * si, bound);
                            assert_near((double)mat_get(r.x, row, c + half), b * co + a * si,
                                        bound);
                        }
                    for (size_t c = 3 * dims[i]; c < r.ld; c++) /* not its own */
                        assert_true(mat_get(r.x, row, c) == mat_get(old.x, row, c));
                }
                rope_apply(&exec, 77, 25, NULL, 3, dims[i], r.cos_table, r.sin_table, r.x, true);
                for (size_t row = 0; row < 77; row++)
                    for (size_t c = 0; c < 3 * dims[i]; c++)
                        assert_near((double)mat_get(r.x, row, c), (double)mat_get(old.x, row, c),
                                    2 * bound);
                exec_done(&exec);
                rows_free(&r);
                rows_free(&old);
            }
}

static void test_given_positions_are_used_and_threads_change_nothing(void **state)
{
    int32_t pos[70];

    (void)state;
    for (size_t i = 0; i < 70; i++)
        pos[i] = (int32_t)(i % 25);
    for (int level = 0; level <= (int)kernel_level_best(); level++)
        for (size_t threads = 1; threads <= 3; threads++) {
            struct rows a = rows_new(70, 2, 64, DTYPE_BF16), b = rows_new(70, 2, 64, DTYPE_BF16);
            struct exec exec;

            assert_int_equal(exec_init(&exec, threads, kernel_level_name(level), NULL), 0);
            rope_apply(&exec, 70, 25, NULL, 2, 64, a.cos_table, a.sin_table, a.x, false);
            exec_done(&exec);
            assert_int_equal(exec_init(&exec, 1, kernel_level_name(level), NULL), 0);
            rope_apply(&exec, 70, 1, pos, 2, 64, b.cos_table, b.sin_table, b.x, false);
            exec_done(&exec);
            assert_memory_equal(a.x.p, b.x.p, 70 * a.ld * sizeof(uint16_t));
            rows_free(&a);
            rows_free(&b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_the_formula),
        cmocka_unit_test(test_a_million_positions_keep_their_digits),
        cmocka_unit_test(test_yarn_slows_down_what_turns_seldom),
        cmocka_unit_test(test_magnitude_is_a_factor),
        cmocka_unit_test(test_apply_turns_every_pair),
        cmocka_unit_test(test_given_positions_are_used_and_threads_change_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
