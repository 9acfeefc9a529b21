/* RMS normalisation: every level against ref, its gradient against differences.
 * ctest labels: threads */
#include "kernels/norm.h"

#include "unit/kernels/lab.h"

static const struct {
    size_t rows, n, pad;
} shapes[] = {{0, 5, 0}, {1, 1, 0}, {1, 7, 3}, {3, 33, 0}, {33, 100, 5}, {70, 257, 1}};

struct forward {
    struct mat y;
    float *r, *sum;
};

static struct forward run_forward(const struct exec *exec, const struct rms *rms, struct mat x,
                                  struct mat like_y, const float *h)
{
    struct forward f = {lab_copy(like_y, rms->rows, rms->n), lab_floats(rms->rows, 1), NULL};

    f.sum = lab_floats(rms->rows * rms->n, 1);
    rms_add_forward(exec, rms, x, h, f.sum, f.r);
    memset(f.r, 0, rms->rows * sizeof(*f.r));
    rms_forward(exec, rms, x, f.y, f.r);
    return f;
}

static void free_forward(struct forward f)
{
    free(f.y.p);
    free(f.r);
    free(f.sum);
}

static void forward_is_the_same_at_every_level(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
        for (int types = 0; types < 4; types++) {
            size_t rows = shapes[s].rows, n = shapes[s].n;
            float *gain = lab_floats(n, 2), *h = lab_floats(rows * n, 1);
            struct rms rms = {rows, n, 1e-5f, gain};
            struct mat x = lab_mat(types & 1, rows, n, shapes[s].pad, 3);
            struct mat y = lab_mat(types >> 1, rows, n, shapes[s].pad, 1);
            struct forward want = run_forward(lab_ref(), &rms, x, y, h);

            LAB_EACH_EXEC(exec)
            {
                struct forward alone = run_forward(lab_alone(exec), &rms, x, y, h);
                struct forward got = run_forward(exec, &rms, x, y, h);

                lab_near(got.y, want.y, rows, n, 1e-6, 0);
                lab_near(mat_f32(got.sum, n), mat_f32(want.sum, n), rows, n, 1e-6, 1e-6);
                lab_near(mat_f32(got.r, 1), mat_f32(want.r, 1), rows, 1, 1e-6, 0);
                lab_same(got.y, alone.y, rows, n);
                lab_same(mat_f32(got.sum, n), mat_f32(alone.sum, n), rows, n);
                free_forward(got);
                free_forward(alone);
            }
            free_forward(want);
            free(x.p);
            free(y.p);
            free(gain);
            free(h);
        }
}

static void forward_is_the_formula(void **state)
{
    const float x[] = {3, -4, 0, 0}, gain[] = {1, 2, 5, 1};
    const struct rms rms = {1, 4, 0, gain};

    (void)state;
    LAB_EACH_EXEC(exec)
    {
        float y[4], r;

        rms_forward(exec, &rms, mat_f32((float *)x, 4), mat_f32(y, 4), &r);
        assert_true(r == 0.4f); /* (25 / 4)^-1/2 */
        assert_true(y[0] == 3 * 0.4f && y[1] == -8 * 0.4f && y[2] == 0 && y[3] == 0);
    }
}

static void backward_is_the_same_at_every_level(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
        for (int types = 0; types < 16; types++) {
            size_t rows = shapes[s].rows, n = shapes[s].n;
            bool add = types & 8;
            float *gain = lab_floats(n, 2), *r = lab_floats(rows, 1);
            float *want_gain = lab_floats(n, 1);
            struct rms rms = {rows, n, 1e-5f, gain};
            struct mat x = lab_mat(types & 1, rows, n, shapes[s].pad, 3);
            struct mat dy = lab_mat(types >> 1 & 1, rows, n, 2, 1);
            struct mat dx = lab_mat(add ? DTYPE_F32 : types >> 2 & 1, rows, n, 0, 1);
            struct mat want = lab_copy(dx, rows, n);

            rms_backward(lab_ref(), &rms, x, r, dy, want, add, want_gain);
            LAB_EACH_EXEC(exec)
            {
                float *got_gain = lab_floats(n, 1), *alone_gain = lab_floats(n, 1);
                struct mat got = lab_copy(dx, rows, n), alone = lab_copy(dx, rows, n);

                rms_backward(exec, &rms, x, r, dy, got, add, got_gain);
                rms_backward(lab_alone(exec), &rms, x, r, dy, alone, add, alone_gain);
                lab_near(got, want, rows, n, 1e-6, 5e-6);
                lab_near(mat_f32(got_gain, n), mat_f32(want_gain, n), 1, n, 1e-6, 2e-5);
                lab_same(got, alone, rows, n);
                lab_same(mat_f32(got_gain, n), mat_f32(alone_gain, n), 1, n);
                if (!add && dx.type == dy.type) { /* dy and dx may be one matrix */
                    struct mat one = lab_copy(dy, rows, n);

                    rms_backward(exec, &rms, x, r, one, one, false, got_gain);
                    lab_same(one, got, rows, n);
                    lab_same(mat_f32(got_gain, n), mat_f32(alone_gain, n), 1, n);
                    free(one.p);
                }
                free(got.p);
                free(alone.p);
                free(got_gain);
                free(alone_gain);
            }
            free(x.p);
            free(dy.p);
            free(dx.p);
            free(want.p);
            free(gain);
            free(r);
            free(want_gain);
        }
}

#define ROWS 3
#define N    19

struct formula {
    double x[ROWS * N], gain[N], weight[ROWS * N];
};

/* sum of weight * rms(x) */
static double loss(const void *arg)
{
    const struct formula *f = arg;
    double total = 0;

    for (size_t row = 0; row < ROWS; row++) {
        const double *x = f->x + row * N;
        double squares = 0;

        for (size_t i = 0; i < N; i++)
            squares += x[i] * x[i];
        for (size_t i = 0; i < N; i++)
            total += f->weight[row * N + i] * f->gain[i] * x[i] / sqrt(squares / N + 1e-3);
    }
    return total;
}

static void backward_is_the_difference(void **state)
{
    float *x = lab_floats(ROWS * N, 1), *gain = lab_floats(N, 1), *dy = lab_floats(ROWS * N, 1);
    struct rms rms = {ROWS, N, 1e-3f, gain};
    struct formula f;

    (void)state;
    for (size_t i = 0; i < ROWS * N; i++) {
        f.x[i] = x[i];
        f.weight[i] = dy[i];
    }
    for (size_t i = 0; i < N; i++)
        f.gain[i] = gain[i];
    LAB_EACH_EXEC(exec)
    {
        float y[ROWS * N], r[ROWS], dx[ROWS * N], dgain[N];

        rms_forward(exec, &rms, mat_f32(x, N), mat_f32(y, N), r);
        rms_backward(exec, &rms, mat_f32(x, N), r, mat_f32(dy, N), mat_f32(dx, N), false, dgain);
        lab_differences(loss, &f, f.x, ROWS * N, dx, 1e-5);
        lab_differences(loss, &f, f.gain, N, dgain, 1e-5);
    }
    free(x);
    free(gain);
    free(dy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_is_the_same_at_every_level),
        cmocka_unit_test(forward_is_the_formula),
        cmocka_unit_test(backward_is_the_same_at_every_level),
        cmocka_unit_test(backward_is_the_difference),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
