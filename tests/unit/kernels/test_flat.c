/* Long vectors: every level against ref and against formulas in double.
 * ctest labels: threads */
#include "kernels/flat.h"

#include "unit/kernels/lab.h"

static const size_t counts[] = {0, 1, 7, 33, 1000, FLAT_BLOCK, FLAT_BLOCK + 1, 3 * FLAT_BLOCK + 77};

#define EACH_COUNT(count)                                                                          \
    for (size_t index_ = 0, count = counts[0]; index_ < sizeof(counts) / sizeof(*counts);          \
         count = counts[++index_ % (sizeof(counts) / sizeof(*counts))])

static void a_sum_is_exact_at_every_level(void **state)
{
    (void)state;
    EACH_COUNT(count)
    {
        float *a = lab_floats(count, 1), *b = lab_floats(count, 3);

        LAB_EACH_EXEC(exec)
        {
            struct mat sum = lab_copy(mat_f32(a, count), 1, count);

            flat_add(exec, count, sum.p, b);
            for (size_t i = 0; i < count; i++)
                assert_true(mat_get(sum, 0, i) == a[i] + b[i]);
            free(sum.p);
        }
        free(a);
        free(b);
    }
}

static void squares_are_summed_block_by_block(void **state)
{
    (void)state;
    EACH_COUNT(count)
    {
        size_t blocks = (count + FLAT_BLOCK - 1) / FLAT_BLOCK;
        float *x = lab_floats(count, 1);
        double *sums = lab_bytes(blocks * sizeof(*sums)),
               *alone = lab_bytes(blocks * sizeof(*alone));

        LAB_EACH_EXEC(exec)
        {
            flat_square_sums(exec, count, x, sums);
            flat_square_sums(lab_alone(exec), count, x, alone);
            assert_memory_equal(sums, alone, blocks * sizeof(*sums));
            for (size_t b = 0; b < blocks; b++) {
                double want = 0;

                for (size_t i = b * FLAT_BLOCK; i < count && i < (b + 1) * FLAT_BLOCK; i++)
                    want += (double)x[i] * x[i];
                assert_true(fabs(sums[b] - want) <= 1e-12 * want);
            }
        }
        free(x);
        free(sums);
        free(alone);
    }
}

static void a_sum_of_squares_shows_what_is_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const size_t places[] = {0, 15, 16, 40, 41};

    (void)state;
    for (size_t b = 0; b < 3; b++)
        for (size_t p = 0; p < 5; p++)
            LAB_EACH_EXEC(exec)
            {
                float x[42] = {0};
                double sum;

                x[places[p]] = bad[b];
                flat_square_sums(exec, 42, x, &sum);
                assert_false(isfinite(sum));
                x[places[p]] = 3e38f; /* and does not overflow */
                flat_square_sums(exec, 42, x, &sum);
                assert_true(isfinite(sum));
            }
}

/* Three steps of the formula in double. */
static void adamw_is_the_formula(void **state)
{
    (void)state;
    EACH_COUNT(count)
    {
        float *g = lab_floats(count, 1), *w = lab_floats(count, 1), *m = lab_floats(count, 0);
        float *v = lab_floats(count, 0);

        LAB_EACH_EXEC(exec)
        {
            struct mat got[3] = {mat_f32(w, count), mat_f32(m, count), mat_f32(v, count)};
            struct mat alone[3];

            for (int i = 0; i < 3; i++) {
                alone[i] = lab_copy(got[i], 1, count);
                got[i] = lab_copy(got[i], 1, count);
            }
            for (int t = 1; t <= 3; t++) {
                struct adamw adamw = {.lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f};

                adamw.decay = 0.1f;
                adamw.grad_scale = 0.25f;
                adamw.correction1 = (float)(1 - pow(0.9, t));
                adamw.correction2 = (float)(1 - pow(0.95, t));
                flat_adamw(exec, &adamw, count, g, got[0].p, got[1].p, got[2].p);
                flat_adamw(lab_alone(exec), &adamw, count, g, alone[0].p, alone[1].p, alone[2].p);
            }
            for (int i = 0; i < 3; i++)
                lab_same(got[i], alone[i], 1, count);
            for (size_t i = 0; i < count; i++) {
                double scaled = 0.25 * g[i], wi = w[i], mi = 0, vi = 0;

                for (int t = 1; t <= 3; t++) {
                    mi = 0.9 * mi + 0.1 * scaled;
                    vi = 0.95 * vi + 0.05 * scaled * scaled;
                    wi -= 0.01 * (mi / (1 - pow(0.9, t)) / (sqrt(vi / (1 - pow(0.95, t))) + 1e-8) +
                                  0.1 * wi);
                }
                assert_true(fabs(mat_get(got[0], 0, i) - wi) < 3e-7);
                assert_true(fabs(mat_get(got[1], 0, i) - mi) < 1e-6 * fabs(mi) + 1e-12);
                assert_true(fabs(mat_get(got[2], 0, i) - vi) < 2e-6 * fabs(vi) + 1e-12);
            }
            for (int i = 0; i < 3; i++) {
                free(got[i].p);
                free(alone[i].p);
            }
        }
        free(g);
        free(w);
        free(m);
        free(v);
    }
}

static void a_gradient_of_zero_moves_nothing_but_decay(void **state)
{
    const struct adamw adamw = {0.5f, 0.9f, 0.95f, 1e-8f, 0.5f, 1, 0.1f, 0.05f};

    (void)state;
    LAB_EACH_EXEC(exec)
    {
        float g = 0, w = 4, m = 0, v = 0;

        flat_adamw(exec, &adamw, 1, &g, &w, &m, &v);
        assert_true(w == 3 && m == 0 && v == 0);
    }
}

static void bf16_is_that_of_one_number(void **state)
{
    (void)state;
    EACH_COUNT(count)
    {
        float *in = lab_floats(count, 1);

        for (size_t i = 0; i < count; i++) { /* any bits: subnormals, infinities and NaNs too */
            uint32_t bits = (uint32_t)rng_next(&lab_rng);

            memcpy(&in[i], &bits, sizeof(bits));
        }
        LAB_EACH_EXEC(exec)
        {
            uint16_t *out = lab_bytes(count * sizeof(*out));
            struct mat back = lab_mat(DTYPE_F32, 1, count, 0, 1);

            flat_to_bf16(exec, count, in, out);
            flat_from_bf16(exec, count, out, back.p);
            for (size_t i = 0; i < count; i++) {
                float one = bf16_to_f32(out[i]);

                assert_int_equal(out[i], bf16_from_f32(in[i]));
                assert_memory_equal(&one, (float *)back.p + i, sizeof(one));
            }
            free(out);
            free(back.p);
        }
        free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_is_exact_at_every_level),
        cmocka_unit_test(squares_are_summed_block_by_block),
        cmocka_unit_test(a_sum_of_squares_shows_what_is_not_finite),
        cmocka_unit_test(adamw_is_the_formula),
        cmocka_unit_test(a_gradient_of_zero_moves_nothing_but_decay),
        cmocka_unit_test(bf16_is_that_of_one_number),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
