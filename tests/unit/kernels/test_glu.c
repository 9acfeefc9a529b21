/* The gated unit: every level against ref, its gradient against differences.
 * ctest labels: threads */
#include "kernels/glu.h"

#include "unit/kernels/lab.h"

static const struct {
    size_t rows, n, pad;
} shapes[] = {{0, 5, 0}, {3, 0, 2}, {1, 1, 0}, {5, 7, 3}, {2, 33, 0}, {40, 1001, 5}};

enum { G, U, DZ, DG, DU, Z, MATRICES };

/* All of one type as in training, and mixtures: a bit for each matrix that is bf16. */
static const unsigned types[] = {0, 0x3f, 0x15, 0x2a, 0x07};

static void every_level_is_the_same(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
        for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
            size_t rows = shapes[s].rows, n = shapes[s].n;
            struct mat m[MATRICES], z[3];

            for (int i = 0; i < MATRICES; i++)
                m[i] = lab_mat(types[t] >> i & 1, rows, n, shapes[s].pad, i == G ? 6 : 2);
            for (int i = 0; i < 3; i++)
                z[i] = lab_copy(m[Z], rows, n);
            glu_forward(lab_ref(), rows, n, m[G], m[U], z[0]);
            glu_backward(lab_ref(), rows, n, m[G], m[U], m[DZ], m[DG], m[DU], m[Z]);
            lab_same(m[Z], z[0], rows, n);
            LAB_EACH_EXEC(exec)
            {
                struct mat g = lab_copy(m[G], rows, n), u = lab_copy(m[U], rows, n);
                struct mat dz = lab_copy(m[DZ], rows, n), dg = lab_copy(m[DG], rows, n);
                struct mat du = lab_copy(m[DU], rows, n);

                glu_forward(exec, rows, n, g, u, z[1]);
                glu_forward(lab_alone(exec), rows, n, g, u, z[2]);
                lab_near(z[1], z[0], rows, n, 1e-6, 1e-6);
                lab_same(z[1], z[2], rows, n);
                glu_backward(exec, rows, n, g, u, dz, dg, du, z[2]);
                lab_same(z[2], z[1], rows, n);
                lab_near(dg, m[DG], rows, n, 2e-6, 4e-6);
                lab_near(du, m[DU], rows, n, 1e-6, 1e-6);
                if (dz.type == dg.type) { /* dg in the place of dz */
                    struct mat one = lab_copy(dz, rows, n);

                    glu_backward(exec, rows, n, g, u, one, one, du, z[2]);
                    lab_same(one, dg, rows, n);
                    free(one.p);
                }
                if (g.type == dg.type && u.type == du.type) { /* and in those of g and u */
                    glu_backward(exec, rows, n, g, u, dz, g, u, z[2]);
                    lab_same(g, dg, rows, n);
                    lab_same(u, du, rows, n);
                }
                free(g.p);
                free(u.p);
                free(dz.p);
                free(dg.p);
                free(du.p);
            }
            for (int i = 0; i < MATRICES; i++)
                free(m[i].p);
            for (int i = 0; i < 3; i++)
                free(z[i].p);
        }
}

#define N 37

struct formula {
    double g[N], u[N], dz[N];
};

static double loss(const void *arg)
{
    const struct formula *f = arg;
    double total = 0;

    for (size_t i = 0; i < N; i++) {
        double g = f->g[i], inner = sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);

        total += f->dz[i] * 0.5 * g * (1 + tanh(inner)) * f->u[i];
    }
    return total;
}

static void backward_is_the_difference(void **state)
{
    float *g = lab_floats(N, 4), *u = lab_floats(N, 2), *dz = lab_floats(N, 1);
    struct formula f;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        f.g[i] = g[i];
        f.u[i] = u[i];
        f.dz[i] = dz[i];
    }
    LAB_EACH_EXEC(exec)
    {
        float dg[N], du[N], z[N];
        double total = 0;

        glu_backward(exec, 1, N, mat_f32(g, N), mat_f32(u, N), mat_f32(dz, N), mat_f32(dg, N),
                     mat_f32(du, N), mat_f32(z, N));
        for (size_t i = 0; i < N; i++)
            total += (double)dz[i] * z[i];
        assert_true(fabs(total - loss(&f)) < 1e-5);
        lab_differences(loss, &f, f.g, N, dg, 1e-5);
        lab_differences(loss, &f, f.u, N, du, 1e-5);
    }
    free(g);
    free(u);
    free(dz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_is_the_same),
        cmocka_unit_test(backward_is_the_difference),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
