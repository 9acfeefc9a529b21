#include "kernels/norm.h"

#include "kernels/cpu/norm.h"
#include "kernels/cut.h"

#include <assert.h>

#define ROWS_OF_ITEM    32
#define COLUMNS_OF_ITEM 256 /* when the items' parts of dgain are added */

static const struct norm_ops *ops_of(const struct exec *exec)
{
    static const struct norm_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &norm_ops_ref,
        [KERNEL_AVX2] = &norm_ops_avx2,
        [KERNEL_AVX512] = &norm_ops_avx512,
        [KERNEL_AVX512_BF16] = &norm_ops_avx512bf16,
    };

    return levels[exec->level];
}

struct forward {
    const struct norm_ops *ops;
    const struct rms *rms;
    struct mat x, out;
    const float *h;
    float *r;
};

static void forward_rows(void *arg, size_t item, size_t thread)
{
    const struct forward *f = arg;
    const struct rms *rms = f->rms;
    size_t end = min(rms->rows, (item + 1) * ROWS_OF_ITEM);

    (void)thread;
    for (size_t row = item * ROWS_OF_ITEM; row < end; row++)
        f->r[row] = f->ops->forward(rms->n, rms->eps, rms->gain, mat_at(f->x, row, 0),
                                    f->h ? f->h + row * rms->n : NULL, mat_at(f->out, row, 0));
}

static void forward(const struct exec *exec, struct forward *f)
{
    f->ops = ops_of(exec);
    pool_run(exec->pool, parts_of(f->rms->rows, ROWS_OF_ITEM), forward_rows, f);
}

void rms_forward(const struct exec *exec, const struct rms *rms, struct mat x, struct mat y,
                 float *r)
{
    forward(exec, &(struct forward){.rms = rms, .x = x, .out = y, .r = r});
}

void rms_add_forward(const struct exec *exec, const struct rms *rms, struct mat x, const float *h,
                     float *out, float *r)
{
    forward(exec,
            &(struct forward){.rms = rms, .x = x, .out = mat_f32(out, rms->n), .h = h, .r = r});
}

struct backward {
    const struct norm_ops *ops;
    const struct rms *rms;
    struct mat x, dy, dx;
    const float *r;
    bool add;
    float *parts; /* (items, n): each item's sum of dgain */
    size_t items;
    float *dgain;
};

static void backward_rows(void *arg, size_t item, size_t thread)
{
    const struct backward *b = arg;
    size_t n = b->rms->n, end = min(b->rms->rows, (item + 1) * ROWS_OF_ITEM);
    float *part = b->parts + item * n;

    (void)thread;
    memset(part, 0, n * sizeof(*part));
    for (size_t row = item * ROWS_OF_ITEM; row < end; row++)
        b->ops->backward(n, b->rms->gain, mat_at(b->x, row, 0), b->r[row], mat_at(b->dy, row, 0),
                         mat_at(b->dx, row, 0), b->add, part);
}

static void add_parts(void *arg, size_t item, size_t thread)
{
    const struct backward *b = arg;
    size_t n = b->rms->n, begin = item * COLUMNS_OF_ITEM, end = min(n, begin + COLUMNS_OF_ITEM);

    (void)thread;
    memset(b->dgain + begin, 0, (end - begin) * sizeof(*b->dgain));
    for (size_t part = 0; part < b->items; part++)
        for (size_t i = begin; i < end; i++)
            b->dgain[i] += b->parts[part * n + i];
}

void rms_backward(const struct exec *exec, const struct rms *rms, struct mat x, const float *r,
                  struct mat dy, struct mat dx, bool add, float *dgain)
{
    size_t items = parts_of(rms->rows, ROWS_OF_ITEM);
    struct backward b = {.ops = ops_of(exec), .rms = rms, .x = x, .dy = dy, .dx = dx};

    assert(!add || dx.type == DTYPE_F32);
    b.r = r;
    b.add = add;
    b.items = items;
    b.dgain = dgain;
    b.parts = pool_scratch(exec->pool, 0, items * rms->n * sizeof(*b.parts));
    pool_run(exec->pool, items, backward_rows, &b);
    pool_run(exec->pool, parts_of(rms->n, COLUMNS_OF_ITEM), add_parts, &b);
}
