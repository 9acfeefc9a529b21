/* Products at every level that this CPU has, against sums in double. ctest labels: threads */
#include "kernels/gemm.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define THREADS_MAX 3

static struct exec execs[KERNEL_LEVELS][THREADS_MAX + 1]; /* by level and threads */

static int open_execs(void **state)
{
    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (size_t threads = 1; threads <= THREADS_MAX; threads++)
            if (exec_init(&execs[level][threads], threads, kernel_level_name(level), NULL) < 0)
                return -1;
    return 0;
}

static int close_execs(void **state)
{
    (void)state;
    for (enum kernel_level level = 0; level < KERNEL_LEVELS; level++)
        for (size_t threads = 1; threads <= THREADS_MAX; threads++)
            exec_done(&execs[level][threads]);
    return 0;
}

/* ---- one product and what it should give ---- */

enum b_kind {
    B_PLAIN,
    B_PACKED,
    B_PACKED_TRANSPOSED,
    B_TRANSPOSED,
    B_WIDE,
    B_WIDE_TRANSPOSED,
    B_KINDS
};

static bool b_is_packed(enum b_kind kind)
{
    return kind == B_PACKED || kind == B_PACKED_TRANSPOSED;
}

static bool b_is_transposed(enum b_kind kind)
{
    return kind == B_PACKED_TRANSPOSED || kind == B_TRANSPOSED || kind == B_WIDE_TRANSPOSED;
}

static bool b_is_wide(enum b_kind kind)
{
    return kind == B_WIDE || kind == B_WIDE_TRANSPOSED;
}

struct shape {
    size_t m, n, k;
    enum dtype type, c_type;
    bool a_transposed, a_gathered, accumulate;
    enum b_kind b_kind;
    size_t pad; /* added to each ld */
};

struct product {
    struct shape shape;
    struct gemm gemm; /* without the pointers of a packed B, which belongs to a level */
    size_t a_items, b_items;
    float *a_wide, *b_wide; /* as they lie in memory, before they are rounded to the type */
    void *a, *b;
    uint32_t *rows;
    float *c_before;
    void *c;
};

static void *heap(size_t items, size_t size)
{
    void *p = malloc(items ? items * size : 1); /* of exactly its size, for ASan */

    assert_non_null(p);
    return p;
}

static void fill(struct rng *rng, size_t items, enum dtype type, float **wide, void **narrow)
{
    *wide = heap(items, sizeof(float));
    *narrow = heap(items, dtype_bytes(type));
    for (size_t i = 0; i < items; i++) {
        (*wide)[i] = (float)(rng_unit(rng) * 2 - 1);
        mat_set(mat_of(type, *narrow, items), 0, i, (*wide)[i]);
    }
}

/* The items of (rows, columns) with rows of ld: nothing lies after the last row's last. */
static size_t items_of(size_t rows, size_t columns, size_t ld)
{
    return rows && columns ? (rows - 1) * ld + columns : 0;
}

static void product_init(struct product *p, const struct shape *shape, uint64_t seed)
{
    struct rng rng = {seed};
    size_t rows = shape->a_transposed ? shape->k : shape->m;
    size_t columns = shape->a_transposed ? shape->m : shape->k;
    size_t stored = shape->a_gathered ? rows / 2 + 3 : rows;
    bool across = !b_is_transposed(shape->b_kind);
    size_t c_items;

    *p = (struct product){.shape = *shape};
    p->gemm = (struct gemm){.m = shape->m,
                            .n = shape->n,
                            .k = shape->k,
                            .lda = columns + shape->pad,
                            .a_transposed = shape->a_transposed,
                            .ldb = (across ? shape->n : shape->k) + shape->pad,
                            .b_packed = b_is_packed(shape->b_kind),
                            .b_transposed = b_is_transposed(shape->b_kind),
                            .b_wide = b_is_wide(shape->b_kind),
                            .accumulate = shape->accumulate};
    p->a_items = items_of(stored, columns, p->gemm.lda);
    p->b_items = items_of(across ? shape->k : shape->n, across ? shape->n : shape->k, p->gemm.ldb);
    fill(&rng, p->a_items, shape->type, &p->a_wide, &p->a);
    fill(&rng, p->b_items, shape->type, &p->b_wide, &p->b);
    p->gemm.a = p->a;
    if (shape->a_gathered) {
        p->rows = heap(rows, sizeof(*p->rows));
        for (size_t i = 0; i < rows; i++)
            p->rows[i] = (uint32_t)rng_below(&rng, stored);
        p->gemm.a_rows = p->rows;
    }
    p->gemm.c = mat_of(shape->c_type, NULL, shape->n + shape->pad);
    c_items = items_of(shape->m, shape->n, p->gemm.c.ld);
    p->c_before = heap(c_items, sizeof(float));
    p->c = p->gemm.c.p = heap(c_items, dtype_bytes(shape->c_type));
    for (size_t i = 0; i < c_items; i++)
        p->c_before[i] = bf16_to_f32(bf16_from_f32((float)(rng_unit(&rng) * 2 - 1)));
}

static void product_done(struct product *p)
{
    free(p->a_wide);
    free(p->b_wide);
    free(p->a);
    free(p->b);
    free(p->rows);
    free(p->c_before);
    free(p->c);
}

static void reset_c(struct product *p)
{
    for (size_t i = 0; i < items_of(p->shape.m, p->shape.n, p->gemm.c.ld); i++)
        mat_set(p->gemm.c, 0, i, p->c_before[i]);
}

/* B as this level wants it, or as it is. */
static const void *b_for(const struct exec *exec, const struct product *p, void **owned)
{
    const struct shape *s = &p->shape;
    size_t bytes;

    *owned = NULL;
    if (!b_is_packed(s->b_kind))
        return b_is_wide(s->b_kind) ? (void *)p->b_wide : p->b;
    bytes = gemm_packed_bytes(exec, s->type, s->k, s->n);
    *owned = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(*owned);
    gemm_pack(exec, s->type, s->k, s->n, p->b_wide, p->gemm.ldb, s->b_kind == B_PACKED_TRANSPOSED,
              *owned);
    return *owned;
}

static double a_at(const struct product *p, size_t i, size_t step)
{
    size_t row = p->shape.a_transposed ? step : i, column = p->shape.a_transposed ? i : step;

    return mat_get(mat_of(p->shape.type, p->a, p->gemm.lda), p->rows ? p->rows[row] : row, column);
}

static double b_at(const struct product *p, size_t step, size_t j)
{
    bool swap = b_is_transposed(p->shape.b_kind);

    return mat_get(mat_of(p->shape.type, p->b, p->gemm.ldb), swap ? j : step, swap ? step : j);
}

static void run_product(const struct exec *exec, struct product *p)
{
    void *owned;

    p->gemm.b = b_for(exec, p, &owned);
    reset_c(p);
    gemm_run(exec, p->shape.type, &p->gemm, 1);
    free(owned);
}

/* Each sum of k products has an error of at most about k 2^-24 times the sum of their sizes; the
 * result is rounded to its type. Between the rows of C nothing is written. */
static void check_product(const struct product *p, const char *what)
{
    const struct shape *s = &p->shape;
    double rounding = s->c_type == DTYPE_F32 ? 0x1p-23 : 0x1p-8;

    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < (i + 1 < s->m ? p->gemm.c.ld : s->n); j++) {
            double before = p->c_before[i * p->gemm.c.ld + j];
            double want = s->accumulate && j < s->n ? before : 0, size = fabs(want), got, bound;

            for (size_t step = 0; step < s->k && j < s->n; step++) {
                double product = a_at(p, i, step) * b_at(p, step, j);

                want += product;
                size += fabs(product);
            }
            if (j >= s->n)
                want = before;
            got = mat_get(p->gemm.c, i, j);
            bound = j >= s->n ? 0 : size * (double)(s->k + 2) * 0x1p-24 + fabs(want) * rounding;
            if (!(fabs(got - want) <= bound))
                fail_msg("%s: m %zu n %zu k %zu %s -> %s: C(%zu, %zu) is %.9g, not %.9g", what,
                         s->m, s->n, s->k, dtype_name(s->type), dtype_name(s->c_type), i, j, got,
                         want);
        }
}

static void check_shape(const struct shape *shape, uint64_t seed)
{
    struct product p;

    product_init(&p, shape, seed);
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++) {
        run_product(&execs[level][2], &p);
        check_product(&p, kernel_level_name(level));
    }
    product_done(&p);
}

/* ---- tests ---- */

static void every_kind_of_product_is_right_at_every_level(void **state)
{
    static const struct {
        size_t m, n, k;
    } sizes[] = {{1, 1, 1}, {7, 5, 3}, {8, 48, 16}, {9, 49, 33}, {33, 17, 1}, {2, 100, 64}};
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (unsigned bits = 0; bits < 32 * B_KINDS; bits++) {
            struct shape shape = {.m = sizes[i].m,
                                  .n = sizes[i].n,
                                  .k = sizes[i].k,
                                  .type = bits & 1 ? DTYPE_BF16 : DTYPE_F32,
                                  .c_type = bits & 2 ? DTYPE_BF16 : DTYPE_F32,
                                  .a_transposed = bits & 4,
                                  .a_gathered = bits & 8,
                                  .accumulate = (bits & 16) && !(bits & 2),
                                  .b_kind = bits >> 5,
                                  .pad = bits & 1 ? 3 : 0};

            check_shape(&shape, seed++);
        }
}

static void shapes_of_no_multiple_are_right(void **state)
{
    struct rng rng = {7};

    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        struct shape shape = {.m = 1 + rng_below(&rng, 60),
                              .n = 1 + rng_below(&rng, 150),
                              .k = 1 + rng_below(&rng, 120),
                              .type = rng_below(&rng, 2) ? DTYPE_BF16 : DTYPE_F32,
                              .a_transposed = rng_below(&rng, 2),
                              .a_gathered = rng_below(&rng, 2),
                              .accumulate = rng_below(&rng, 2),
                              .b_kind = (enum b_kind)rng_below(&rng, B_KINDS),
                              .pad = rng_below(&rng, 9)};

        check_shape(&shape, i);
    }
}

static void nothing_times_nothing_is_zero(void **state)
{
    static const struct shape shapes[] = {
        {.m = 3, .n = 5, .k = 0},
        {.m = 3, .n = 5, .k = 0, .accumulate = true},
        {.m = 0, .n = 5, .k = 4},
        {.m = 3, .n = 0, .k = 4},
        {.m = 3, .n = 5, .k = 0, .c_type = DTYPE_BF16, .type = DTYPE_BF16},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        check_shape(&shapes[i], i);
}

/* Several products of unlike shapes in one list, cut for 1, 2 and 3 threads, have the bits that
 * each has alone; so has one row of a product, whatever rows are beside it. */
static void neither_threads_nor_the_list_change_a_bit(void **state)
{
    static const struct shape shapes[] = {
        {.m = 130, .n = 200, .k = 300, .b_kind = B_PACKED},
        {.m = 5, .n = 33, .k = 77},
        {.m = 0, .n = 33, .k = 77},
        {.m = 150, .n = 260, .k = 129, .a_transposed = true, .accumulate = true},
        {.m = 1, .n = 700, .k = 500, .b_kind = B_PACKED_TRANSPOSED},
        {.m = 90, .n = 64, .k = 64, .a_gathered = true, .b_kind = B_PACKED},
    };
    enum { COUNT = sizeof(shapes) / sizeof(*shapes) };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int type = 0; type < 2; type++) {
            struct product products[COUNT];
            struct gemm list[COUNT];
            void *alone[COUNT], *packed[COUNT];

            for (size_t i = 0; i < COUNT; i++) {
                struct shape shape = shapes[i];
                size_t bytes;

                shape.type = type ? DTYPE_BF16 : DTYPE_F32;
                product_init(&products[i], &shape, i);
                run_product(&execs[level][1], &products[i]);
                bytes = items_of(shape.m, shape.n, shape.n) * 4;
                alone[i] = heap(bytes, 1);
                memcpy(alone[i], products[i].c, bytes);
                list[i] = products[i].gemm;
                list[i].b = b_for(&execs[level][1], &products[i], &packed[i]);
            }
            for (size_t threads = 1; threads <= THREADS_MAX; threads++) {
                for (size_t i = 0; i < COUNT; i++)
                    reset_c(&products[i]);
                gemm_run(&execs[level][threads], type ? DTYPE_BF16 : DTYPE_F32, list, COUNT);
                for (size_t i = 0; i < COUNT; i++)
                    assert_memory_equal(products[i].c, alone[i],
                                        items_of(shapes[i].m, shapes[i].n, shapes[i].n) * 4);
            }
            for (size_t row = 0; row < shapes[0].m; row += 37) { /* this row alone */
                struct gemm one = list[0];

                one.m = 1;
                one.a = (const char *)one.a +
                        row * one.lda * dtype_bytes(type ? DTYPE_BF16 : DTYPE_F32);
                one.c = mat_at(one.c, row, 0);
                memset(one.c.p, 0, shapes[0].n * 4);
                gemm_run(&execs[level][2], type ? DTYPE_BF16 : DTYPE_F32, &one, 1);
                assert_memory_equal(one.c.p, (float *)alone[0] + row * shapes[0].n,
                                    shapes[0].n * 4);
            }
            for (size_t i = 0; i < COUNT; i++) {
                product_done(&products[i]);
                free(alone[i]);
                free(packed[i]);
            }
        }
}

/* Products that read the same A one after another share its panels, and one without columns among
 * them changes nothing. */
static void sharing_the_rows_of_a_changes_no_bit(void **state)
{
    static const size_t columns[] = {300, 0, 33, 100};
    enum { COUNT = sizeof(columns) / sizeof(*columns), M = 140, K = 85 };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int bits = 0; bits < 8; bits++) {
            struct product products[COUNT];
            struct gemm list[COUNT];
            void *alone[COUNT];

            for (size_t i = 0; i < COUNT; i++) {
                struct shape shape = {.m = M, .n = columns[i], .k = K, .accumulate = bits & 2};

                shape.type = bits & 1 ? DTYPE_BF16 : DTYPE_F32;
                shape.a_transposed = bits & 4;
                shape.b_kind = i % 2 ? B_PLAIN : B_WIDE_TRANSPOSED;
                product_init(&products[i], &shape, i);
                products[i].gemm.a = products[0].a;
                run_product(&execs[level][1], &products[i]);
                alone[i] = heap(M * columns[i], sizeof(float));
                memcpy(alone[i], products[i].c, M * columns[i] * sizeof(float));
                list[i] = products[i].gemm;
            }
            for (size_t threads = 1; threads <= THREADS_MAX; threads++) {
                for (size_t i = 0; i < COUNT; i++)
                    reset_c(&products[i]);
                gemm_run(&execs[level][threads], bits & 1 ? DTYPE_BF16 : DTYPE_F32, list, COUNT);
                for (size_t i = 0; i < COUNT; i++)
                    assert_memory_equal(products[i].c, alone[i], M * columns[i] * sizeof(float));
            }
            for (size_t i = 0; i < COUNT; i++) {
                product_done(&products[i]);
                free(alone[i]);
            }
        }
}

/* What a head does with its vocabulary. */
static void a_product_cut_along_k_has_the_bits_of_the_whole(void **state)
{
    enum { M = 30, N = 70, K = 101, CUT = 40 };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int bits = 0; bits < 4; bits++) {
            struct shape shape = {.m = M, .n = N, .k = K, .accumulate = bits & 2};
            struct gemm first, rest;
            float whole[M * N];
            struct product p;

            shape.type = bits & 1 ? DTYPE_BF16 : DTYPE_F32;
            product_init(&p, &shape, 5);
            run_product(&execs[level][2], &p);
            memcpy(whole, p.c, sizeof(whole));
            reset_c(&p);
            first = rest = p.gemm;
            first.k = CUT;
            rest.k = K - CUT;
            rest.a = (const char *)p.a + CUT * dtype_bytes(shape.type);
            rest.b = (const char *)p.b + CUT * rest.ldb * dtype_bytes(shape.type);
            rest.accumulate = true;
            gemm_run(&execs[level][2], shape.type, &first, 1);
            gemm_run(&execs[level][2], shape.type, &rest, 1);
            assert_memory_equal(p.c, whole, sizeof(whole));
            product_done(&p);
        }
}

/* A B that a call packs goes in spans of k; one that is packed before does not. */
static void many_k_have_the_bits_of_a_packed_b(void **state)
{
    enum { M = 19, N = 70, K = 2500 };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int bits = 0; bits < 16; bits++) {
            struct shape shape = {.m = M,
                                  .n = N,
                                  .k = K,
                                  .a_transposed = bits & 1,
                                  .a_gathered = bits & 2,
                                  .accumulate = bits & 4,
                                  .b_kind = bits & 8 ? B_WIDE_TRANSPOSED : B_WIDE};
            float spans[M * N];
            struct product p;

            product_init(&p, &shape, 5);
            run_product(&execs[level][2], &p);
            memcpy(spans, p.c, sizeof(spans));
            product_done(&p);
            shape.b_kind = bits & 8 ? B_PACKED_TRANSPOSED : B_PACKED;
            product_init(&p, &shape, 5);
            run_product(&execs[level][1], &p);
            assert_memory_equal(p.c, spans, sizeof(spans));
            product_done(&p);
        }
}

/* A B of 18 MB is packed in parts, and what is beside it in the list is as it was. */
static void a_large_b_goes_in_parts(void **state)
{
    static const struct shape shapes[] = {
        {.m = 2, .n = 40, .k = 60},
        {.m = 2, .n = 4001, .k = 1100},
        {.m = 2, .n = 4001, .k = 1100, .b_kind = B_WIDE_TRANSPOSED},
        {.m = 2, .n = 40, .k = 60, .b_kind = B_PACKED},
    };
    enum { COUNT = sizeof(shapes) / sizeof(*shapes) };
    struct product products[COUNT];
    struct gemm list[COUNT];
    void *packed[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        product_init(&products[i], &shapes[i], i);
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++) {
        for (size_t i = 0; i < COUNT; i++) {
            reset_c(&products[i]);
            list[i] = products[i].gemm;
            list[i].b = b_for(&execs[level][1], &products[i], &packed[i]);
        }
        gemm_run(&execs[level][2], DTYPE_F32, list, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            check_product(&products[i], kernel_level_name(level));
            free(packed[i]);
        }
    }
    for (size_t i = 0; i < COUNT; i++)
        product_done(&products[i]);
}

/* 0 x Inf is NaN, Inf stays, and neither leaks into rows and columns that do not hold it. */
static void inf_and_nan_come_through(void **state)
{
    enum { M = 11, N = 50, K = 35 };

    (void)state;
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++)
        for (int bits = 0; bits < 8; bits++) {
            enum dtype type = bits & 1 ? DTYPE_BF16 : DTYPE_F32;
            struct shape shape = {.m = M,
                                  .n = N,
                                  .k = K,
                                  .type = type,
                                  .c_type = type,
                                  .b_kind = bits & 2 ? B_PACKED : B_PLAIN,
                                  .a_transposed = bits & 4};
            struct mat a, b;
            struct product p;

            product_init(&p, &shape, 3);
            a = mat_of(type, p.a, p.gemm.lda);
            b = mat_of(type, p.b, p.gemm.ldb);
            for (size_t i = 0; i < M * K; i++)
                mat_set(a, 0, i, 1);
            for (size_t i = 0; i < K * N; i++) {
                p.b_wide[i] = 1;
                mat_set(b, 0, i, 1);
            }
            mat_set(a, bits & 4 ? K - 1 : 2, bits & 4 ? 2 : K - 1, INFINITY);
            mat_set(b, K - 1, 5, 0);
            p.b_wide[(K - 1) * N + 5] = 0;
            mat_set(b, 3, N - 1, NAN);
            p.b_wide[3 * N + N - 1] = NAN;
            run_product(&execs[level][2], &p);
            for (size_t i = 0; i < M; i++)
                for (size_t j = 0; j < N; j++) {
                    float got = mat_get(p.gemm.c, i, j);

                    if (j == N - 1 || (i == 2 && j == 5))
                        assert_true(isnan(got));
                    else if (i == 2)
                        assert_true(isinf(got) && got > 0);
                    else
                        assert_true(got == (j == 5 ? K - 1 : K));
                }
            product_done(&p);
        }
}

/* Values over the whole range round to bf16 as bf16_from_f32 does, whoever writes them. */
static void c_is_rounded_to_nearest_even(void **state)
{
    enum { M = 64, N = 67 };
    static float a[M], b[M * N], one[M * M];
    static uint16_t c[M * N];
    struct rng rng = {11};

    (void)state;
    for (size_t i = 0; i < M * N; i++) {
        uint32_t bits = (uint32_t)rng_next(&rng);

        if (i % 3 == 0)
            bits = (bits & 0xffff0000) | 0x8000; /* a tie */
        memcpy(&b[i], &bits, sizeof(bits));
        if (!isfinite(b[i]) || fabsf(b[i]) < 0x1p-126f)
            b[i] = (float)i;
    }
    for (size_t i = 0; i < M; i++) {
        a[i] = 1;
        memset(&one[i * M], 0, M * sizeof(*one));
        one[i * M + i] = 1;
    }
    for (enum kernel_level level = 0; level <= kernel_level_best(); level++) {
        struct gemm gemm = {.m = M,
                            .n = N,
                            .k = 1,
                            .a = a,
                            .lda = 1,
                            .b = b,
                            .ldb = N,
                            .c = mat_of(DTYPE_BF16, c, N)};

        gemm_run(&execs[level][2], DTYPE_F32, &gemm, 1);
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < N; j++)
                assert_int_equal(c[i * N + j], bf16_from_f32(b[j]));
        /* and weights while they are packed: the unit matrix brings them back */
        {
            size_t bytes = gemm_packed_bytes(&execs[level][2], DTYPE_BF16, M, N);
            void *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
            uint16_t unit[M * M];

            for (size_t i = 0; i < M * M; i++)
                unit[i] = bf16_from_f32(one[i]);
            gemm_pack(&execs[level][2], DTYPE_BF16, M, N, b, N, false, packed);
            gemm = (struct gemm){.m = M,
                                 .n = N,
                                 .k = M,
                                 .a = unit,
                                 .lda = M,
                                 .b = packed,
                                 .b_packed = true,
                                 .c = mat_of(DTYPE_BF16, c, N)};
            gemm_run(&execs[level][2], DTYPE_BF16, &gemm, 1);
            for (size_t i = 0; i < M * N; i++)
                assert_int_equal(c[i], bf16_from_f32(b[i]));
            free(packed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_product_is_right_at_every_level),
        cmocka_unit_test(shapes_of_no_multiple_are_right),
        cmocka_unit_test(nothing_times_nothing_is_zero),
        cmocka_unit_test(neither_threads_nor_the_list_change_a_bit),
        cmocka_unit_test(sharing_the_rows_of_a_changes_no_bit),
        cmocka_unit_test(a_product_cut_along_k_has_the_bits_of_the_whole),
        cmocka_unit_test(many_k_have_the_bits_of_a_packed_b),
        cmocka_unit_test(a_large_b_goes_in_parts),
        cmocka_unit_test(inf_and_nan_come_through),
        cmocka_unit_test(c_is_rounded_to_nearest_even),
    };

    return cmocka_run_group_tests(tests, open_execs, close_execs);
}
