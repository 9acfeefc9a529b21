/* Rows are taken in blocks for which the weights (softmax terms, then gradients of the logits) of
 * the whole vocabulary fit into WEIGHTS_BYTES. A block's logits are made a chunk of the vocabulary
 * at a time, summed, and kept as exp(logit - the chunk's max) in the type of the products. When the
 * whole sum is known, they are multiplied into gradients, a span at a time, and go at once into the
 * two products back. So there are three products and no more, and the table's gradient goes through
 * memory once a block. */
#include "kernels/head.h"

#include "kernels/cpu/head.h"
#include "kernels/cut.h"
#include "kernels/flat.h"
#include "kernels/gemm.h"
#include "tensor/real.h"
#include "tensor/storage.h"

#include <assert.h>

#define CHUNK         1024        /* of the vocabulary: 2 MiB of logits for 512 rows */
#define SPAN          (4 * CHUNK) /* of the products back: x is packed once for so many rows */
#define WEIGHTS_BYTES ((size_t)100 << 20) /* 1,024 rows of GPT-2's vocabulary in bf16 */
#define ROWS_MIN      64
#define ROWS_MAX      1024
#define ROWS_PER_ITEM 8
#define LIST_MAX      64 /* products in one call of head_logits */

static const struct head_ops *const levels[KERNEL_LEVELS] = {
    &head_ops_ref,
    &head_ops_avx2,
    &head_ops_avx512,
    &head_ops_avx512bf16,
};

static size_t chunk_count(const struct head *head)
{
    return parts_of(head->vocab, CHUNK);
}

static size_t chunk_size(const struct head *head, size_t chunk)
{
    return min(head->vocab - chunk * CHUNK, CHUNK);
}

/* The packed table: for each chunk, its transpose (n, chunk). */
static size_t chunk_packed_bytes(const struct exec *exec, const struct head *head, size_t chunk)
{
    return gemm_packed_bytes(exec, head->type, head->n, chunk_size(head, chunk));
}

static const void *packed_chunk(const struct exec *exec, const struct head *head,
                                const void *packed, size_t chunk)
{
    return (const char *)packed + chunk * chunk_packed_bytes(exec, head, 0);
}

size_t head_packed_bytes(const struct exec *exec, const struct head *head)
{
    size_t chunks = chunk_count(head);

    assert(head->vocab > 0);
    return (chunks - 1) * chunk_packed_bytes(exec, head, 0) +
           chunk_packed_bytes(exec, head, chunks - 1);
}

void head_pack(const struct exec *exec, const struct head *head, const float *table, void *packed)
{
    for (size_t i = 0; i < chunk_count(head); i++)
        gemm_pack(exec, head->type, head->n, chunk_size(head, i), table + i * CHUNK * head->n,
                  head->n, true, (void *)packed_chunk(exec, head, packed, i));
}

/* Rows of the largest block. */
static size_t block_rows_max(const struct head *head, size_t rows)
{
    size_t block = WEIGHTS_BYTES / (head->vocab * dtype_bytes(head->type)) / ROWS_MIN * ROWS_MIN;

    block = block < ROWS_MIN ? ROWS_MIN : block > ROWS_MAX ? ROWS_MAX : block;
    return min(block, rows);
}

/* Blocks of about the same height: each costs a pass over the table. */
static size_t block_rows(const struct head *head, size_t rows)
{
    size_t most = block_rows_max(head, rows);

    return rows > most ? parts_of(rows, parts_of(rows, most)) : most;
}

/* A block of rows and its scratch. */
struct block {
    const struct head *head;
    const struct head_ops *ops;
    size_t rows;
    const int32_t *targets; /* (rows) */
    float *losses;          /* (rows) */
    float grad;             /* of a loss by a logit that is neither scaled nor capped */
    size_t chunk;           /* the one at hand, on the way back the first of a span */
    float *logits;          /* (rows, CHUNK) */
    float *maxima;          /* (rows, chunks): each chunk's max */
    struct head_sum *sums;  /* (rows) */
    float *target_logits;   /* (rows) */
    float *dx;              /* (rows, n): the sum so far */
    char *weights;          /* (rows, vocab) of head->type, or NULL: no gradient */
};

static size_t block_carve(struct block *block, const struct head *head, size_t rows, void *base)
{
    struct carve carve = {.base = base};

    block->logits = carve_take(&carve, rows * CHUNK * sizeof(float));
    block->maxima = carve_take(&carve, rows * chunk_count(head) * sizeof(float));
    block->sums = carve_take(&carve, rows * sizeof(struct head_sum));
    block->target_logits = carve_take(&carve, rows * sizeof(float));
    block->dx = carve_take(&carve, rows * head->n * sizeof(float));
    block->weights = carve_take(&carve, rows * head->vocab * dtype_bytes(head->type));
    return carve.used;
}

size_t head_scratch_bytes(const struct exec *exec, const struct head *head, size_t rows)
{
    struct block block;

    (void)exec;
    return block_carve(&block, head, block_rows_max(head, rows), NULL);
}

static char *row_weights(const struct block *block, size_t row, size_t column)
{
    if (!block->weights)
        return NULL;
    return block->weights + (row * block->head->vocab + column) * dtype_bytes(block->head->type);
}

static struct head_sum joined(struct head_sum a, struct head_sum b)
{
    float max = a.max > b.max ? a.max : b.max;

    return (struct head_sum){max, a.sum * (float)real_exp((double)(a.max - max)) +
                                      b.sum * (float)real_exp((double)(b.max - max))};
}

/* One row's logits of one chunk into its sum. */
static void fold_row(const struct block *block, size_t row)
{
    const struct head *head = block->head;
    size_t first = block->chunk * CHUNK, count = chunk_size(head, block->chunk);
    size_t target = (size_t)block->targets[row];
    float *logits = block->logits + row * CHUNK;
    struct head_sum sum;

    if (block->targets[row] < 0)
        return;
    block->ops->cap(head, count, logits);
    sum = block->ops->sum(head, count, logits, row_weights(block, row, first));
    block->maxima[row * chunk_count(head) + block->chunk] = sum.max;
    if (target >= first && target < first + count)
        block->target_logits[row] = logits[target - first];
    block->sums[row] = block->chunk > 0 ? joined(block->sums[row], sum) : sum;
}

static void finish_row(const struct block *block, size_t row)
{
    struct head_sum sum = block->sums[row];

    block->losses[row] = block->targets[row] < 0
                             ? 0
                             : (float)((double)sum.max - (double)block->target_logits[row] +
                                       real_log((double)sum.sum));
}

/* A row's weights of the span at hand into gradients of its logits. */
static void weigh_row(const struct block *block, size_t row)
{
    const struct head *head = block->head;
    struct head_sum sum = block->sums[row];
    size_t first = block->chunk * CHUNK, end = min(first + SPAN, head->vocab);
    size_t target = (size_t)block->targets[row];
    float logit = block->target_logits[row], t = head->cap > 0 ? logit / head->cap : 0;

    if (block->targets[row] < 0) {
        memset(row_weights(block, row, first), 0, (end - first) * dtype_bytes(head->type));
        return;
    }
    for (size_t i = block->chunk; i * CHUNK < end; i++) {
        float max = block->maxima[row * chunk_count(head) + i];

        block->ops->multiply(head->type, chunk_size(head, i), row_weights(block, row, i * CHUNK),
                             block->grad * (float)real_exp((double)(max - sum.max)) / sum.sum);
    }
    if (target >= first && target < end)
        mat_set(mat_of(head->type, row_weights(block, row, 0), 0), 0, target,
                block->grad * (1 - t * t) *
                    ((float)real_exp((double)(logit - sum.max)) / sum.sum - 1));
}

static void fold_item(void *arg, size_t item, size_t thread)
{
    const struct block *block = arg;

    (void)thread;
    for (size_t i = item * ROWS_PER_ITEM; i < block->rows && i < (item + 1) * ROWS_PER_ITEM; i++)
        fold_row(block, i);
}

static void weigh_item(void *arg, size_t item, size_t thread)
{
    const struct block *block = arg;

    (void)thread;
    for (size_t i = item * ROWS_PER_ITEM; i < block->rows && i < (item + 1) * ROWS_PER_ITEM; i++)
        weigh_row(block, i);
}

/* Losses of a block, and its weights. */
static void block_run(const struct exec *exec, const void *packed, struct mat x,
                      struct block *block)
{
    const struct head *head = block->head;
    size_t items = parts_of(block->rows, ROWS_PER_ITEM);

    for (block->chunk = 0; block->chunk < chunk_count(head); block->chunk++) {
        struct gemm product = {
            .m = block->rows,
            .n = chunk_size(head, block->chunk),
            .k = head->n,
            .a = x.p,
            .lda = x.ld,
            .b = packed_chunk(exec, head, packed, block->chunk),
            .b_packed = true,
            .c = mat_f32(block->logits, CHUNK),
        };

        gemm_run(exec, head->type, &product, 1);
        pool_run(exec->pool, items, fold_item, block);
    }
    for (size_t i = 0; i < block->rows; i++)
        finish_row(block, i);
}

/* dx += weights table and dtable (+)= weights^T x, of a span of the vocabulary. */
static void span_back(const struct exec *exec, const float *table, struct mat x,
                      const struct block *block, struct mat dx, float *dtable, bool accumulate)
{
    const struct head *head = block->head;
    size_t first = block->chunk * CHUNK, count = min(SPAN, head->vocab - first);
    struct gemm products[] = {
        {
            .m = block->rows,
            .n = head->n,
            .k = count,
            .a = row_weights(block, 0, first),
            .lda = head->vocab,
            .b = table + first * head->n,
            .ldb = head->n,
            .b_wide = true,
            .c = dx,
            .accumulate = first > 0,
        },
        {
            .m = count,
            .n = head->n,
            .k = block->rows,
            .a = row_weights(block, 0, first),
            .lda = head->vocab,
            .a_transposed = true,
            .b = x.p,
            .ldb = x.ld,
            .c = mat_f32(dtable + first * head->n, head->n),
            .accumulate = accumulate,
        },
    };

    gemm_run(exec, head->type, products, 2);
}

static void block_back(const struct exec *exec, const float *table, struct mat x,
                       struct block *block, struct mat dx, float *dtable, bool accumulate)
{
    const struct head *head = block->head;
    struct mat sum = dx.type == DTYPE_F32 ? dx : mat_f32(block->dx, head->n);

    for (block->chunk = 0; block->chunk < chunk_count(head); block->chunk += SPAN / CHUNK) {
        pool_run(exec->pool, parts_of(block->rows, ROWS_PER_ITEM), weigh_item, block);
        span_back(exec, table, x, block, sum, dtable, accumulate);
    }
    for (size_t i = 0; dx.type == DTYPE_BF16 && i < block->rows; i++)
        flat_to_bf16(exec, head->n, mat_at(sum, i, 0).p, mat_at(dx, i, 0).p);
}

void head_loss(const struct exec *exec, const struct head *head, const float *table,
               const void *packed, size_t rows, struct mat x, const int32_t *targets, float *losses,
               float grad_scale, const struct mat *dx, float *dtable, void *scratch)
{
    size_t step = block_rows(head, rows);
    struct block block = {
        .head = head, .ops = levels[exec->level], .grad = grad_scale * head->scale};

    assert(x.type == head->type);
    block_carve(&block, head, step, scratch);
    if (!dx)
        block.weights = NULL;
    else if (rows == 0)
        memset(dtable, 0, head->vocab * head->n * sizeof(*dtable));
    for (size_t first = 0; first < rows; first += step) {
        struct mat part = mat_at(x, first, 0);

        block.rows = min(rows - first, step);
        block.targets = targets + first;
        block.losses = losses + first;
        block_run(exec, packed, part, &block);
        if (dx)
            block_back(exec, table, part, &block, mat_at(*dx, first, 0), dtable, first > 0);
    }
}

struct logits {
    const struct head *head;
    const struct head_ops *ops;
    float *out;
};

static void logits_item(void *arg, size_t item, size_t thread)
{
    const struct logits *logits = arg;
    size_t chunks = chunk_count(logits->head), row = item / chunks, chunk = item % chunks;

    (void)thread;
    logits->ops->cap(logits->head, chunk_size(logits->head, chunk),
                     logits->out + row * logits->head->vocab + chunk * CHUNK);
}

void head_logits(const struct exec *exec, const struct head *head, const void *packed, size_t rows,
                 struct mat x, float *logits)
{
    struct logits arg = {head, levels[exec->level], logits};
    struct gemm list[LIST_MAX];

    assert(x.type == head->type);
    for (size_t first = 0; first < chunk_count(head); first += LIST_MAX) {
        size_t count = min(chunk_count(head) - first, LIST_MAX);

        for (size_t i = 0; i < count; i++)
            list[i] = (struct gemm){
                .m = rows,
                .n = chunk_size(head, first + i),
                .k = head->n,
                .a = x.p,
                .lda = x.ld,
                .b = packed_chunk(exec, head, packed, first + i),
                .b_packed = true,
                .c = mat_f32(logits + (first + i) * CHUNK, head->vocab),
            };
        gemm_run(exec, head->type, list, count);
    }
    pool_run(exec->pool, rows * chunk_count(head), logits_item, &arg);
}
