#include "kernels/flat.h"

#include "kernels/cpu/flat.h"
#include "kernels/cut.h"

static const struct flat_ops *ops_of(const struct exec *exec)
{
    static const struct flat_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &flat_ops_ref,
        [KERNEL_AVX2] = &flat_ops_avx2,
        [KERNEL_AVX512] = &flat_ops_avx512,
        [KERNEL_AVX512_BF16] = &flat_ops_avx512bf16,
    };

    return levels[exec->level];
}

struct flat {
    const struct flat_ops *ops;
    size_t count;
    union {
        struct {
            float *a;
            const float *b;
        } add;
        struct {
            const float *x;
            double *sums;
        } square;
        struct {
            struct adamw_factors factors;
            const float *g;
            float *w, *m, *v;
        } adamw;
        struct {
            float *wide;
            uint16_t *narrow;
        } bf16;
    };
};

/* Items are blocks: their first item, and how many they hold. */
static size_t block(const struct flat *flat, size_t item, size_t *count)
{
    size_t begin = item * FLAT_BLOCK;

    *count = min(flat->count - begin, FLAT_BLOCK);
    return begin;
}

static void run(const struct exec *exec, struct flat *flat,
                void (*work)(void *arg, size_t item, size_t thread))
{
    flat->ops = ops_of(exec);
    pool_run(exec->pool, flat->count / FLAT_BLOCK + (flat->count % FLAT_BLOCK > 0), work, flat);
}

static void add_block(void *arg, size_t item, size_t thread)
{
    const struct flat *flat = arg;
    size_t count, i = block(flat, item, &count);

    (void)thread;
    flat->ops->add(count, flat->add.a + i, flat->add.b + i);
}

void flat_add(const struct exec *exec, size_t count, float *a, const float *b)
{
    run(exec, &(struct flat){.count = count, .add = {a, b}}, add_block);
}

static void square_block(void *arg, size_t item, size_t thread)
{
    const struct flat *flat = arg;
    size_t count, i = block(flat, item, &count);

    (void)thread;
    flat->square.sums[item] = flat->ops->square_sum(count, flat->square.x + i);
}

void flat_square_sums(const struct exec *exec, size_t count, const float *x, double *sums)
{
    run(exec, &(struct flat){.count = count, .square = {x, sums}}, square_block);
}

static void adamw_block(void *arg, size_t item, size_t thread)
{
    const struct flat *flat = arg;
    size_t count, i = block(flat, item, &count);

    (void)thread;
    flat->ops->adamw(&flat->adamw.factors, count, flat->adamw.g + i, flat->adamw.w + i,
                     flat->adamw.m + i, flat->adamw.v + i);
}

void flat_adamw(const struct exec *exec, const struct adamw *adamw, size_t count, const float *g,
                float *w, float *m, float *v)
{
    struct adamw_factors factors = {
        .grad_scale = adamw->grad_scale,
        .beta1 = adamw->beta1,
        .rest1 = 1 - adamw->beta1,
        .beta2 = adamw->beta2,
        .rest2 = 1 - adamw->beta2,
        .step = adamw->lr / adamw->correction1,
        .root = 1 / adamw->correction2,
        .eps = adamw->eps,
        .decay = adamw->lr * adamw->decay,
    };

    run(exec, &(struct flat){.count = count, .adamw = {factors, g, w, m, v}}, adamw_block);
}

static void to_bf16_block(void *arg, size_t item, size_t thread)
{
    const struct flat *flat = arg;
    size_t count, i = block(flat, item, &count);

    (void)thread;
    flat->ops->to_bf16(count, flat->bf16.wide + i, flat->bf16.narrow + i);
}

void flat_to_bf16(const struct exec *exec, size_t count, const float *in, uint16_t *out)
{
    run(exec, &(struct flat){.count = count, .bf16 = {(float *)in, out}}, to_bf16_block);
}

static void from_bf16_block(void *arg, size_t item, size_t thread)
{
    const struct flat *flat = arg;
    size_t count, i = block(flat, item, &count);

    (void)thread;
    flat->ops->from_bf16(count, flat->bf16.narrow + i, flat->bf16.wide + i);
}

void flat_from_bf16(const struct exec *exec, size_t count, const uint16_t *in, float *out)
{
    run(exec, &(struct flat){.count = count, .bf16 = {out, (uint16_t *)in}}, from_bf16_block);
}
