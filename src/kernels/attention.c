#include "kernels/attention.h"

#include "kernels/cpu/attention.h"
#include "kernels/cut.h"
#include "tensor/real.h"

#include <assert.h>
#include <math.h>

/* Partial sums of a backward pass stay below this, so long as one sequence does: sequences are
 * taken a few at a time. */
#define PARTIAL_BYTES  ((size_t)32 << 20)
#define ITEMS_A_THREAD 4

static const struct attention_ops *const levels[KERNEL_LEVELS] = {
    &attention_ops_ref,
    &attention_ops_avx2,
    &attention_ops_avx512,
    &attention_ops_avx512bf16,
};

struct run {
    struct attention_job job;
    const struct attention_ops *ops;
    struct pool *pool;
    size_t per_head;   /* items of a head: tiles of queries, or chunks of keys */
    size_t item_bytes; /* scratch */
    size_t shared;     /* bytes of thread 0's scratch that all threads use, before its own */
};

static struct run run_of(const struct exec *exec, const struct attention *at, struct mat q,
                         struct mat k, struct mat v, struct mat o)
{
    assert(at->past <= at->time);
    assert(at->kv_heads > 0 && at->q_heads % at->kv_heads == 0);
    assert(k.type == q.type && v.type == q.type && o.type == q.type);
    return (struct run){
        .job = {.at = *at, .q = q, .k = k, .v = v, .o = o},
        .ops = levels[exec->level],
        .pool = exec->pool,
    };
}

/* Scratch for all threads, and `shared` bytes for all together. */
static void *take_scratch(struct run *run, size_t shared, size_t item_bytes)
{
    run->shared = round_up(shared, 64);
    run->item_bytes = round_up(item_bytes, 64);
    for (size_t i = 1; i < pool_threads(run->pool); i++)
        (void)pool_scratch(run->pool, i, run->item_bytes);
    return pool_scratch(run->pool, 0, run->shared + run->item_bytes);
}

static void *item_scratch(const struct run *run, size_t thread)
{
    if (thread > 0)
        return pool_scratch(run->pool, thread, run->item_bytes);
    return (char *)pool_scratch(run->pool, 0, run->shared + run->item_bytes) + run->shared;
}

static void forward_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    size_t heads = run->job.at.q_heads, tile = run->per_head - 1 - item % run->per_head;

    /* the last queries see the most keys: begin with them */
    run->ops->forward(&run->job, item / run->per_head / heads, item / run->per_head % heads,
                      run->job.at.past + tile * run->job.item_queries, item_scratch(run, thread));
}

void attention_forward(const struct exec *exec, const struct attention *at, struct mat q,
                       struct mat k, struct mat v, struct mat o, float *lse)
{
    size_t heads = at->batch * at->q_heads, queries = at->time - at->past;
    struct run run = run_of(exec, at, q, k, v, o);

    run.job.lse = lse;
    /* large items load and turn keys and values less often, where enough of them remain */
    run.job.item_queries = ATTENTION_QUERIES * ATTENTION_TILES;
    if (heads * parts_of(queries, run.job.item_queries) < ITEMS_A_THREAD * pool_threads(run.pool))
        run.job.item_queries = ATTENTION_QUERIES;
    run.per_head = parts_of(queries, run.job.item_queries);
    take_scratch(&run, 0, run.ops->forward_bytes(&run.job));
    pool_run(exec->pool, heads * run.per_head, forward_item, &run);
}

static void backward_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    size_t heads = run->job.at.q_heads;

    run->ops->backward(&run->job, run->job.first + item / heads, item % heads,
                       item_scratch(run, thread));
}

/* dk or dv of one kv head: the sum over its query heads, in their order. */
static void join_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    const struct attention *at = &run->job.at;
    size_t group = at->q_heads / at->kv_heads, size = at->time * at->head_dim, which = item % 2,
           head = item / 2 % at->kv_heads * group,
           sequence = run->job.first + item / 2 / at->kv_heads;
    const float *parts = attention_partial(&run->job, sequence, head) + which * size;
    struct mat sum = attention_kv(&run->job, which ? run->job.dv : run->job.dk, sequence, head);

    (void)thread;
    for (size_t t = 0; t < at->time; t++)
        run->ops->join(at->head_dim, parts + t * at->head_dim, 2 * size, group, mat_at(sum, t, 0));
}

void attention_backward(const struct exec *exec, const struct attention *at, struct mat q,
                        struct mat k, struct mat v, struct mat o, const float *lse, struct mat dout,
                        struct mat dq, struct mat dk, struct mat dv)
{
    struct run run = run_of(exec, at, q, k, v, o);
    size_t partial = at->q_heads * 2 * at->time * at->head_dim * sizeof(float), span = at->batch;

    assert(at->past == 0);
    assert(dout.type == q.type && dq.type == q.type && dk.type == q.type && dv.type == q.type);
    run.job.dout = dout;
    run.job.dq = dq;
    run.job.dk = dk;
    run.job.dv = dv;
    run.job.lse = (float *)lse;
    if (at->q_heads == at->kv_heads)
        partial = 0;
    else if (span * partial > PARTIAL_BYTES)
        span = partial < PARTIAL_BYTES ? PARTIAL_BYTES / partial : 1;
    run.job.partial = take_scratch(&run, span * partial, run.ops->backward_bytes(&run.job));
    if (!partial)
        run.job.partial = NULL;
    for (; run.job.first < at->batch; run.job.first += span) {
        size_t count = min(at->batch - run.job.first, span);

        pool_run(exec->pool, count * at->q_heads, backward_item, &run);
        if (partial)
            pool_run(exec->pool, count * at->kv_heads * 2, join_item, &run);
    }
}

static void decode_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    size_t heads = run->job.at.kv_heads, chunk = item % run->per_head,
           sequence = item / run->per_head / heads;

    if (chunk * ATTENTION_KEYS < (size_t)run->job.lengths[sequence])
        run->ops->decode(&run->job, sequence, item / run->per_head % heads, chunk,
                         item_scratch(run, thread));
}

/* The chunks of one query head, in their order. */
static void decode_join(const struct attention_job *job, size_t chunks, size_t sequence,
                        size_t head)
{
    size_t d = job->at.head_dim, used = parts_of((size_t)job->lengths[sequence], ATTENTION_KEYS);
    float *part = job->partial + (sequence * job->at.q_heads + head) * chunks * (d + 2);
    struct mat o = mat_at(job->o, sequence, head * d);
    float max = -INFINITY, total = 0;

    for (size_t i = 0; i < used; i++)
        max = part[i * (d + 2) + d] > max ? part[i * (d + 2) + d] : max;
    for (size_t i = 0; i < used; i++) {
        float *at = part + i * (d + 2);

        at[d] = at[d + 1] > 0 ? (float)real_exp((double)(at[d] - max)) : 0;
        total += at[d] * at[d + 1];
    }
    for (size_t c = 0; c < d; c++) {
        float sum = 0;

        for (size_t i = 0; i < used; i++)
            sum += part[i * (d + 2) + d] * part[i * (d + 2) + c];
        mat_set(o, 0, c, total > 0 ? sum / total : 0);
    }
}

void attention_decode(const struct exec *exec, const struct attention *at, struct mat q,
                      struct mat k, struct mat v, const int32_t *lengths, struct mat o)
{
    struct run run = run_of(exec, at, q, k, v, o);

    for (size_t i = 0; i < at->batch; i++)
        assert(lengths[i] > 0 && (size_t)lengths[i] <= at->time);
    run.job.lengths = lengths;
    run.per_head = parts_of(at->time, ATTENTION_KEYS);
    run.job.partial = take_scratch(
        &run, at->batch * at->q_heads * run.per_head * (at->head_dim + 2) * sizeof(float),
        run.ops->decode_bytes(&run.job));
    pool_run(exec->pool, at->batch * at->kv_heads * run.per_head, decode_item, &run);
    for (size_t i = 0; i < at->batch * at->q_heads; i++)
        decode_join(&run.job, run.per_head, i / at->q_heads, i % at->q_heads);
}
