#include "kernels/embed.h"

#include "kernels/cpu/embed.h"
#include "kernels/cut.h"

#include <assert.h>

#define ROWS_OF_ITEM 16
/* The way back is cut by columns: an item adds its columns of all rows in their order, whichever
 * tokens they are and however often one comes. */
#define COLUMNS_OF_ITEM 64
#define ROWS_AHEAD      8  /* the table's rows are anywhere: fetched this long before their turn */
#define CACHE_LINE      16 /* in floats */

static const struct embed_ops *ops_of(const struct exec *exec)
{
    static const struct embed_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &embed_ops_ref,
        [KERNEL_AVX2] = &embed_ops_avx2,
        [KERNEL_AVX512] = &embed_ops_avx512,
        [KERNEL_AVX512_BF16] = &embed_ops_avx512bf16,
    };

    return levels[exec->level];
}

struct embed {
    const struct embed_ops *ops;
    size_t rows, n;
    const int32_t *tokens;
    const float *in; /* the table; on the way back dout */
    float scale;
    float *out; /* on the way back dtable */
};

static void forward_rows(void *arg, size_t item, size_t thread)
{
    const struct embed *e = arg;
    size_t begin = item * ROWS_OF_ITEM, end = begin + ROWS_OF_ITEM;

    (void)thread;
    for (size_t row = begin; row < end && row < e->rows; row++)
        e->ops->scaled(e->n, e->scale, e->in + (size_t)e->tokens[row] * e->n, e->out + row * e->n);
}

void embed_forward(const struct exec *exec, size_t rows, size_t n, const int32_t *tokens,
                   const float *table, float scale, float *out)
{
    struct embed e = {ops_of(exec), rows, n, tokens, table, scale, out};

    pool_run(exec->pool, parts_of(rows, ROWS_OF_ITEM), forward_rows, &e);
}

static void backward_columns(void *arg, size_t item, size_t thread)
{
    const struct embed *e = arg;
    size_t begin = item * COLUMNS_OF_ITEM, columns = min(e->n - begin, COLUMNS_OF_ITEM);

    (void)thread;
    for (size_t row = 0; row < e->rows; row++) {
        if (row + ROWS_AHEAD < e->rows)
            for (size_t i = 0; i < columns; i += CACHE_LINE)
                __builtin_prefetch(e->out + (size_t)e->tokens[row + ROWS_AHEAD] * e->n + begin + i,
                                   1);
        e->ops->add_scaled(columns, e->scale, e->in + row * e->n + begin,
                           e->out + (size_t)e->tokens[row] * e->n + begin);
    }
}

void embed_backward(const struct exec *exec, size_t rows, size_t n, size_t vocab,
                    const int32_t *tokens, const float *dout, float scale, float *dtable)
{
    struct embed e = {ops_of(exec), rows, n, tokens, dout, scale, dtable};

    for (size_t row = 0; row < rows; row++)
        assert(tokens[row] >= 0 && (size_t)tokens[row] < vocab);
    pool_run(exec->pool, parts_of(n, COLUMNS_OF_ITEM), backward_columns, &e);
}
