#include "kernels/glu.h"

#include "kernels/cpu/glu.h"
#include "kernels/cut.h"

#define NUMBERS_OF_ITEM 16384

static const struct glu_ops *ops_of(const struct exec *exec)
{
    static const struct glu_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &glu_ops_ref,
        [KERNEL_AVX2] = &glu_ops_avx2,
        [KERNEL_AVX512] = &glu_ops_avx512,
        [KERNEL_AVX512_BF16] = &glu_ops_avx512bf16,
    };

    return levels[exec->level];
}

struct glu {
    const struct glu_ops *ops;
    size_t rows, n, rows_of_item;
    struct mat g, u, dz, dg, du, z;
};

static void run(const struct exec *exec, struct glu *glu,
                void (*work)(void *arg, size_t item, size_t thread))
{
    if (glu->n == 0)
        return;
    glu->ops = ops_of(exec);
    glu->rows_of_item = glu->n < NUMBERS_OF_ITEM ? NUMBERS_OF_ITEM / glu->n : 1;
    pool_run(exec->pool, parts_of(glu->rows, glu->rows_of_item), work, glu);
}

static size_t rows_end(const struct glu *glu, size_t item)
{
    return min((item + 1) * glu->rows_of_item, glu->rows);
}

static void forward_rows(void *arg, size_t item, size_t thread)
{
    const struct glu *glu = arg;
    size_t end = rows_end(glu, item);

    (void)thread;
    for (size_t row = item * glu->rows_of_item; row < end; row++)
        glu->ops->forward(glu->n, mat_at(glu->g, row, 0), mat_at(glu->u, row, 0),
                          mat_at(glu->z, row, 0));
}

static void backward_rows(void *arg, size_t item, size_t thread)
{
    const struct glu *glu = arg;
    size_t end = rows_end(glu, item);

    (void)thread;
    for (size_t row = item * glu->rows_of_item; row < end; row++)
        glu->ops->backward(glu->n, mat_at(glu->g, row, 0), mat_at(glu->u, row, 0),
                           mat_at(glu->dz, row, 0), mat_at(glu->dg, row, 0),
                           mat_at(glu->du, row, 0), mat_at(glu->z, row, 0));
}

void glu_forward(const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u,
                 struct mat z)
{
    run(exec, &(struct glu){.rows = rows, .n = n, .g = g, .u = u, .z = z}, forward_rows);
}

void glu_backward(const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u,
                  struct mat dz, struct mat dg, struct mat du, struct mat z)
{
    struct glu glu = {.rows = rows, .n = n, .g = g, .u = u, .dz = dz, .dg = dg, .du = du, .z = z};

    run(exec, &glu, backward_rows);
}
