/* Attention with queries in lanes: logits, exponentials and sums lie as (key, query) and the output
 * as (number, query), so that nothing is ever summed across lanes. Keys and values are the operand
 * that is broadcast: keys from where they lie. */
#include "kernels/cpu/vector/attention.h"

/* A tile of queries on its way over the keys. */
struct pass {
    struct queries queries;
    size_t begin, end; /* keys that it may see */
    float max[ATTENTION_QUERIES], sum[ATTENTION_QUERIES];
    float rescale[ATTENTION_QUERIES]; /* of what is summed, when the maximum has grown */
    float *q;                         /* (units, queries) */
    float *o;                         /* (head_dim, queries) */
};

/* What the tiles of an item do together: each tile of keys is loaded and turned once for all. */
struct work {
    struct pass passes[ATTENTION_TILES];
    size_t count;
    float *s; /* (keys, queries): products, then logits */
    float *p; /* (keys / step, queries): units of exp(s - max) */
    float *v; /* (keys / step, width): units of values */
    float *k; /* (keys, head_dim): keys in fp32, where bf16 is not used */
};

static size_t carve(const struct attention_job *job, struct work *work, char *scratch)
{
    struct shape shape = shape_of(job);
    char *at = scratch;

    for (size_t i = 0; i * ATTENTION_QUERIES < job->item_queries; i++) {
        work->passes[i].q = take(&at, shape.units * ATTENTION_QUERIES);
        work->passes[i].o = take(&at, job->at.head_dim * ATTENTION_QUERIES);
    }
    work->s = take(&at, TILE_KEYS * ATTENTION_QUERIES);
    work->p = take(&at, TILE_KEYS / shape.step * ATTENTION_QUERIES);
    work->v = take(&at, TILE_KEYS / shape.step * shape.width);
    work->k = take(&at, shape.pairs ? 0 : TILE_KEYS * job->at.head_dim);
    return (size_t)(at - scratch);
}

static size_t forward_bytes(const struct attention_job *job)
{
    struct work work;
    static char none;

    return carve(job, &work, &none);
}

/* Logits from the products of a tile of keys with one vector of queries, in place; and their
 * largest, with `max`. */
VEC_INLINE vf logits_tile(const struct attention_job *job, const struct work *work,
                          const struct pass *pass, size_t v, const uint8_t *hidden, size_t first,
                          size_t keys, bool mask, vf max)
{
    struct logits logits = logits_of(&job->at);
    vf factor = vf_load(pass->queries.factor + v * VF_LANES);

    for (size_t u = 0; u < keys; u++) {
        float *s = work->s + u * ATTENTION_QUERIES + v * VF_LANES;
        vf x = vf_set(NO_LOGIT);

        if (!(hidden && hidden[u])) {
            x = logit(logits, factor, vf_load(s));
            if (mask)
                x = queries_select(&pass->queries, v, first + u, x, vf_set(NO_LOGIT));
        }
        vf_store(s, x);
        max = vf_max(max, x);
    }
    return max;
}

/* exp(logit - max) into units of the type; their sum with `sum`. */
VEC_INLINE vf exp_tile(enum dtype type, const struct work *work, size_t v, size_t keys, vf max,
                       vf sum)
{
    const float *s = work->s + v * VF_LANES;
    size_t step = tile_pairs(type) ? 1 : 2; /* rows of p that two keys fill */
    float *p = work->p + v * VF_LANES;
    vf odd = vf_zero();

    for (size_t u = 0; u < keys; u += 2, p += step * ATTENTION_QUERIES) {
        vf a = vf_exp(vf_sub(vf_load(s + u * ATTENTION_QUERIES), max)), b = vf_zero();

        if (u + 1 < keys)
            b = vf_exp(vf_sub(vf_load(s + (u + 1) * ATTENTION_QUERIES), max));
        sum = vf_add(sum, a);
        odd = vf_add(odd, b);
        tile_put_two(type, a, b, p, NULL, ATTENTION_QUERIES);
    }
    return vf_add(sum, odd);
}

static void softmax_tile(const struct attention_job *job, const struct work *work,
                         struct pass *pass, const uint8_t *hidden, size_t first, size_t keys)
{
    bool mask = queries_mask(&pass->queries, first, keys),
         diagonal = is_diagonal(&pass->queries, first, keys);

    for (size_t v = 0; v < QUERY_VECS; v++) {
        size_t seen = keys_seen(diagonal, v, keys);
        vf old = vf_load(pass->max + v * VF_LANES), sum = vf_load(pass->sum + v * VF_LANES), max,
           rescale;

        max = logits_tile(job, work, pass, v, hidden, first, seen, mask, old);
        rescale = vf_exp(vf_sub(old, max));
        sum = vf_mul(sum, rescale);
        if (job->v.type == DTYPE_F32)
            sum = exp_tile(DTYPE_F32, work, v, seen, max, sum);
        else
            sum = exp_tile(DTYPE_BF16, work, v, seen, max, sum);
        vf_store(pass->max + v * VF_LANES, max);
        vf_store(pass->sum + v * VF_LANES, sum);
        vf_store(pass->rescale + v * VF_LANES, rescale);
    }
}

/* Keys first ... first + keys - 1 into the sums of one tile of queries. */
static void forward_tile(const struct attention_job *job, const struct work *work,
                         struct pass *pass, struct units k, const uint8_t *hidden, size_t first,
                         size_t keys)
{
    struct shape shape = shape_of(job);
    bool diagonal = is_diagonal(&pass->queries, first, keys);
    struct product logits = {
        .a = k,
        .b = pass->q,
        .ldb = ATTENTION_QUERIES,
        .c = work->s,
        .ldc = ATTENTION_QUERIES,
        .rows = keys,
        .vecs = QUERY_VECS,
        .units = shape.units,
    };
    struct product out = {
        .a = tile_turned(work->v, shape.width),
        .b = work->p,
        .ldb = ATTENTION_QUERIES,
        .c = pass->o,
        .ldc = ATTENTION_QUERIES,
        .rows = job->at.head_dim,
        .vecs = QUERY_VECS,
        .units = (keys + shape.step - 1) / shape.step,
    };

    multiply_seen(shape, KEYS_BY_QUERIES, diagonal, &logits, TILE_ZERO, NULL);
    softmax_tile(job, work, pass, hidden, first, keys);
    multiply_seen(shape, SUM_OVER_KEYS, diagonal, &out,
                  first == pass->begin ? TILE_ZERO : TILE_RESCALE, pass->rescale);
}

/* A tile of keys into the sums of all tiles of queries that see it. */
static void forward_keys(const struct attention_job *job, struct work *work, size_t sequence,
                         size_t head, size_t first)
{
    size_t d = job->at.head_dim, left = job->at.time - first;
    size_t keys = left < TILE_KEYS ? left : TILE_KEYS;
    const uint8_t *hidden = job->at.key_hidden;
    struct mat k = mat_at(attention_kv(job, job->k, sequence, head), first, 0),
               v = mat_at(attention_kv(job, job->v, sequence, head), first, 0);
    struct units rows = tile_rows(k, keys, d, work->k);

    tile_pack_rows(v, keys, keys, d, shape_of(job).width, work->v);
    if (left > keys) {
        size_t more = left - keys < TILE_KEYS ? left - keys : TILE_KEYS;

        tile_prefetch(mat_at(k, keys, 0), more, d);
        tile_prefetch(mat_at(v, keys, 0), more, d);
    }
    for (size_t i = 0; i < work->count; i++) {
        struct pass *pass = &work->passes[i];

        if (first >= pass->begin && first < pass->end)
            forward_tile(job, work, pass, rows,
                         hidden ? hidden + sequence * job->at.time + first : NULL, first,
                         pass->end - first < keys ? pass->end - first : keys);
    }
}

/* Divide by the sums, and keep their logarithms. */
static void finish(const struct attention_job *job, struct pass *pass, size_t sequence, size_t head)
{
    const struct attention *at = &job->at;
    size_t first = pass->queries.first, row = attention_row(job, sequence, first);

    for (size_t v = 0; v < ATTENTION_QUERIES; v += VF_LANES) {
        vf sum = vf_load(pass->sum + v), lse = vf_add(vf_load(pass->max + v), vf_log(sum));
        vm none = vm_less(sum, vf_set(0x1p-126f));

        vf_store(pass->max + v, vf_select(none, vf_zero(), lse));
        vf_store(pass->sum + v, vf_select(none, vf_zero(), vf_div(vf_set(1), sum)));
    }
    for (size_t i = 0; i < pass->queries.count; i++)
        job->lse[(row + i) * at->q_heads + head] = pass->max[i];
    store_turned(pass->o, pass->sum, at->head_dim, pass->queries.count,
                 attention_q(job, job->o, sequence, head, first));
}

static void begin_pass(const struct attention_job *job, struct pass *pass, size_t sequence,
                       size_t head, size_t first)
{
    size_t seen;

    queries_init(&pass->queries, &job->at, sequence, first);
    seen = pass->queries.key_first < first ? pass->queries.key_first : first;
    pass->begin = seen / TILE_KEYS * TILE_KEYS;
    pass->end = first + pass->queries.count;
    for (size_t i = 0; i < ATTENTION_QUERIES; i++) {
        pass->max[i] = LOWEST_LOGIT;
        pass->sum[i] = 0;
    }
    tile_pack_columns(attention_q(job, job->q, sequence, head, first), pass->queries.count,
                      shape_of(job).units, ATTENTION_QUERIES, pass->q);
}

static void forward(const struct attention_job *job, size_t sequence, size_t head, size_t first,
                    void *scratch)
{
    size_t begin = first, left = job->at.time - first;
    struct work work;

    carve(job, &work, scratch);
    left = left < job->item_queries ? left : job->item_queries;
    work.count = (left + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
    for (size_t i = 0; i < work.count; i++) {
        begin_pass(job, &work.passes[i], sequence, head, first + i * ATTENTION_QUERIES);
        begin = work.passes[i].begin < begin ? work.passes[i].begin : begin;
    }
    for (size_t u = begin; u < first + left; u += TILE_KEYS)
        forward_keys(job, &work, sequence, head, u);
    for (size_t i = 0; i < work.count; i++)
        finish(job, &work.passes[i], sequence, head);
}

const struct attention_ops LEVEL(attention_ops) = {
    forward_bytes,
    LEVEL(attention_backward_bytes),
    LEVEL(attention_decode_bytes),
    forward,
    LEVEL(attention_backward_head),
    LEVEL(attention_join),
    LEVEL(attention_decode_chunk),
};
