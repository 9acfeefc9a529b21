/* What the tests of the kernels share: an exec for each level this CPU has and for 1 to 3 threads,
 * matrices in heap blocks of exactly their size, comparisons, and finite differences. */
#ifndef TESTS_UNIT_KERNELS_LAB_H
#define TESTS_UNIT_KERNELS_LAB_H

#include "base/rng.h"
#include "kernels/exec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LAB_THREADS 3

static struct exec lab_execs[KERNEL_LEVELS][LAB_THREADS + 1];
static struct rng lab_rng = {7};

static int lab_open(void **state)
{
    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (size_t threads = 1; threads <= LAB_THREADS; threads++)
            if (exec_init(&lab_execs[level][threads], threads, kernel_level_name(level), NULL) < 0)
                return -1;
    return 0;
}

static int lab_close(void **state)
{
    (void)state;
    for (enum kernel_level level = 0; level < KERNEL_LEVELS; level++)
        for (size_t threads = 1; threads <= LAB_THREADS; threads++)
            exec_done(&lab_execs[level][threads]);
    return 0;
}

static void *lab_bytes(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);

    assert_non_null(p);
    return p;
}

/* (rows, n) of numbers in (-range, range); between the rows lie `pad` items more. */
static __attribute__((unused)) struct mat lab_mat(enum dtype type, size_t rows, size_t n,
                                                  size_t pad, double range)
{
    size_t items = rows ? (rows - 1) * (n + pad) + n : 0;
    struct mat mat = mat_of(type, lab_bytes(items * dtype_bytes(type)), n + pad);

    for (size_t i = 0; i < items; i++)
        mat_set(mat, 0, i, (float)((rng_unit(&lab_rng) * 2 - 1) * range));
    return mat;
}

static __attribute__((unused)) float *lab_floats(size_t count, double range)
{
    return lab_mat(DTYPE_F32, 1, count, 0, range).p;
}

static __attribute__((unused)) struct mat lab_copy(struct mat mat, size_t rows, size_t n)
{
    size_t bytes = rows ? ((rows - 1) * mat.ld + n) * dtype_bytes(mat.type) : 0;
    void *p = lab_bytes(bytes);

    memcpy(p, mat.p, bytes);
    mat.p = p;
    return mat;
}

static __attribute__((unused)) void lab_same(struct mat got, struct mat want, size_t rows, size_t n)
{
    for (size_t row = 0; row < rows; row++)
        assert_memory_equal(mat_at(got, row, 0).p, mat_at(want, row, 0).p,
                            n * dtype_bytes(want.type));
}

/* |got - want| <= relative |want| + absolute, and one unit more where they are bf16. */
static __attribute__((unused)) void lab_near(struct mat got, struct mat want, size_t rows, size_t n,
                                             double relative, double absolute)
{
    if (want.type == DTYPE_BF16)
        relative += 1.0 / 128;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++) {
            double g = mat_get(got, row, i), w = mat_get(want, row, i);

            if (!(fabs(g - w) <= relative * fabs(w) + absolute))
                fail_msg("(%zu, %zu): %.9g, but %.9g was wanted", row, i, g, w);
        }
}

/* `gradient` (count) against the central difference of loss(arg) in each of x (count). */
static __attribute__((unused)) void lab_differences(double (*loss)(const void *arg),
                                                    const void *arg, double *x, size_t count,
                                                    const float *gradient, double tolerance)
{
    const double h = 1e-5;

    for (size_t i = 0; i < count; i++) {
        double at = x[i], up, down, slope;

        x[i] = at + h;
        up = loss(arg);
        x[i] = at - h;
        down = loss(arg);
        x[i] = at;
        slope = (up - down) / (2 * h);
        if (!(fabs(slope - gradient[i]) <= tolerance * (1 + fabs(slope))))
            fail_msg("item %zu: gradient %.9g, but the difference is %.9g", i, (double)gradient[i],
                     slope);
    }
}

/* Each level this CPU has, with each number of threads, 1 first: `exec` points at it. */
#define LAB_EACH_EXEC(exec)                                                                        \
    for (enum kernel_level level_ = 0; level_ <= kernel_level_best(); level_++)                    \
        for (const struct exec *exec = &lab_execs[level_][1];                                      \
             exec <= &lab_execs[level_][LAB_THREADS]; exec++)

static inline const struct exec *lab_ref(void)
{
    return &lab_execs[KERNEL_REF][1];
}

/* The same level with one thread. */
static __attribute__((unused)) const struct exec *lab_alone(const struct exec *exec)
{
    return &lab_execs[exec->level][1];
}

#endif
