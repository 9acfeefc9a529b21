#include "kernels/rope.h"

#include "kernels/cpu/rope.h"
#include "kernels/cut.h"
#include "tensor/real.h"

#include <assert.h>
#include <math.h>

#define ROWS_PER_ITEM 32

static const struct rope_ops *const levels[KERNEL_LEVELS] = {
    &rope_ops_ref,
    &rope_ops_avx2,
    &rope_ops_avx512,
    &rope_ops_avx512bf16,
};

/* The pair that turns `turns` times within the original context, as a real number. */
static double yarn_pair(const struct rope *rope, double turns)
{
    double context = (double)rope->original_context;

    return (double)rope->head_dim * real_log(context / (turns * 2 * 3.14159265358979323846)) /
           (2 * real_log(rope->theta));
}

/* How much of pair j keeps its frequency: 1 for those that turn often, 0 for those that turn
 * seldom and are slowed down by `factor`, a ramp between. */
static double yarn_kept(const struct rope *rope, size_t j)
{
    double last = (double)rope->head_dim - 1, low = floor(yarn_pair(rope, rope->beta_fast)),
           high = ceil(yarn_pair(rope, rope->beta_slow)), ramp;

    low = low > 0 ? low : 0;
    high = high < last ? high : last;
    ramp = ((double)j - low) / (high > low ? high - low : 0.001);
    return 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp);
}

void rope_table(const struct rope *rope, size_t positions, float *cos_out, float *sin_out)
{
    size_t half = rope->head_dim / 2;
    double magnitude = rope->magnitude > 0 ? rope->magnitude : 1;

    assert(rope->head_dim % 2 == 0 && rope->theta > 1);
    for (size_t j = 0; j < half; j++) {
        double kept = 1, sine, cosine,
               frequency =
                   real_exp(-2 * (double)j / (double)rope->head_dim * real_log(rope->theta));

        if (rope->factor > 1) {
            assert(rope->original_context > 0 && rope->beta_fast > 0 && rope->beta_slow > 0);
            kept = yarn_kept(rope, j);
        }
        frequency = frequency * kept + (1 - kept) * frequency / (kept < 1 ? rope->factor : 1);
        for (size_t p = 0; p < positions; p++) {
            real_sincos((double)p * frequency, &sine, &cosine);
            cos_out[p * half + j] = (float)(cosine * magnitude);
            sin_out[p * half + j] = (float)(sine * magnitude);
        }
    }
}

struct apply {
    const struct rope_ops *ops;
    size_t rows, time, heads, head_dim;
    const int32_t *pos;
    const float *cos_table, *sin_table;
    struct mat x;
    float sign;
};

static void apply_item(void *arg, size_t item, size_t thread)
{
    const struct apply *a = arg;
    size_t half = a->head_dim / 2, end = (item + 1) * ROWS_PER_ITEM;

    (void)thread;
    for (size_t i = item * ROWS_PER_ITEM; i < end && i < a->rows; i++) {
        size_t at = (a->pos ? (size_t)a->pos[i] : i % a->time) * half;

        for (size_t head = 0; head < a->heads; head++)
            a->ops->turn(a->x.type, mat_at(a->x, i, head * a->head_dim).p, half, a->cos_table + at,
                         a->sin_table + at, a->sign);
    }
}

void rope_apply(const struct exec *exec, size_t rows, size_t time, const int32_t *pos, size_t heads,
                size_t head_dim, const float *cos_table, const float *sin_table, struct mat x,
                bool inverse)
{
    struct apply a = {
        .ops = levels[exec->level],
        .rows = rows,
        .time = time,
        .heads = heads,
        .head_dim = head_dim,
        .pos = pos,
        .cos_table = cos_table,
        .sin_table = sin_table,
        .x = x,
        .sign = inverse ? -1 : 1,
    };

    assert(head_dim % 2 == 0);
    pool_run(exec->pool, parts_of(rows, ROWS_PER_ITEM), apply_item, &a);
}
