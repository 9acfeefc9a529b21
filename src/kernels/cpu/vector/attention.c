/* Attention with queries in lanes: logits, exponentials and sums lie as (key, query) and the output
 * as (number, query), so that nothing is ever summed across lanes. Keys and values are the operand
 * that is broadcast: keys from where they lie. */
#include "kernels/cpu/vector/attention.h"

/* A tile of queries on its way over the keys, and scratch. */
struct pass {
    struct queries queries;
    float max[ATTENTION_QUERIES], sum[ATTENTION_QUERIES];
    float rescale[ATTENTION_QUERIES]; /* of what is summed, when the maximum has grown */
    float *q;                         /* (units, queries) */
    float *s;                         /* (keys, queries): products, then logits */
    float *p;                         /* (keys / step, queries): units of exp(s - max) */
    float *v;                         /* (keys / step, width): units of values */
    float *o;                         /* (head_dim, queries) */
    float *k;                         /* (keys, head_dim): keys in fp32, where bf16 is not used */
};

static size_t carve(const struct attention_job *job, struct pass *pass, char *scratch)
{
    struct shape shape = shape_of(job);
    char *at = scratch;

    pass->q = take(&at, shape.units * ATTENTION_QUERIES);
    pass->s = take(&at, TILE_KEYS * ATTENTION_QUERIES);
    pass->p = take(&at, TILE_KEYS / shape.step * ATTENTION_QUERIES);
    pass->v = take(&at, TILE_KEYS / shape.step * shape.width);
    pass->o = take(&at, job->at.head_dim * ATTENTION_QUERIES);
    pass->k = take(&at, shape.pairs ? 0 : TILE_KEYS * job->at.head_dim);
    return (size_t)(at - scratch);
}

static size_t forward_bytes(const struct attention_job *job)
{
    struct pass pass;
    static char none;

    return carve(job, &pass, &none);
}

/* Logits from the products of a tile of keys with one vector of queries, in place; and their
 * largest, with `max`. */
VEC_INLINE vf logits_tile(const struct attention_job *job, struct pass *pass, size_t v,
                          const uint8_t *hidden, size_t first, size_t keys, bool mask, vf max)
{
    struct logits logits = logits_of(&job->at);
    vf factor = vf_load(pass->queries.factor + v * VF_LANES);

    for (size_t u = 0; u < keys; u++) {
        float *s = pass->s + u * ATTENTION_QUERIES + v * VF_LANES;
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
VEC_INLINE vf exp_tile(enum dtype type, struct pass *pass, size_t v, size_t keys, vf max, vf sum)
{
    const float *s = pass->s + v * VF_LANES;
    size_t step = tile_pairs(type) ? 1 : 2; /* rows of p that two keys fill */
    float *p = pass->p + v * VF_LANES;
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

static void softmax_tile(const struct attention_job *job, struct pass *pass, const uint8_t *hidden,
                         size_t first, size_t keys)
{
    bool mask = queries_mask(&pass->queries, first, keys),
         diagonal = is_diagonal(&pass->queries, first, keys);

    for (size_t v = 0; v < QUERY_VECS; v++) {
        size_t seen = keys_seen(diagonal, v, keys);
        vf old = vf_load(pass->max + v * VF_LANES), sum = vf_load(pass->sum + v * VF_LANES), max,
           rescale;

        max = logits_tile(job, pass, v, hidden, first, seen, mask, old);
        rescale = vf_exp(vf_sub(old, max));
        sum = vf_mul(sum, rescale);
        if (job->v.type == DTYPE_F32)
            sum = exp_tile(DTYPE_F32, pass, v, seen, max, sum);
        else
            sum = exp_tile(DTYPE_BF16, pass, v, seen, max, sum);
        vf_store(pass->max + v * VF_LANES, max);
        vf_store(pass->sum + v * VF_LANES, sum);
        vf_store(pass->rescale + v * VF_LANES, rescale);
    }
}

/* Keys first ... first + keys - 1 into the sums. */
static void forward_tile(const struct attention_job *job, struct pass *pass, size_t sequence,
                         size_t head, size_t first, size_t keys, bool begin)
{
    struct shape shape = shape_of(job);
    size_t d = job->at.head_dim;
    const uint8_t *hidden = job->at.key_hidden;
    bool diagonal = is_diagonal(&pass->queries, first, keys);
    struct mat k = mat_at(attention_kv(job, job->k, sequence, head), first, 0),
               v = mat_at(attention_kv(job, job->v, sequence, head), first, 0);
    struct product logits = {
        .a = tile_rows(k, keys, d, pass->k),
        .b = pass->q,
        .ldb = ATTENTION_QUERIES,
        .c = pass->s,
        .ldc = ATTENTION_QUERIES,
        .rows = keys,
        .vecs = QUERY_VECS,
        .units = shape.units,
    };
    struct product out = {
        .a = tile_turned(pass->v, shape.width),
        .b = pass->p,
        .ldb = ATTENTION_QUERIES,
        .c = pass->o,
        .ldc = ATTENTION_QUERIES,
        .rows = d,
        .vecs = QUERY_VECS,
        .units = (keys + shape.step - 1) / shape.step,
    };

    tile_prefetch(v, keys, d);
    multiply_seen(shape, KEYS_BY_QUERIES, diagonal, &logits, TILE_ZERO, NULL);
    softmax_tile(job, pass, hidden ? hidden + sequence * job->at.time + first : NULL, first, keys);
    tile_pack_rows(v, keys, keys, d, shape.width, pass->v);
    if (first + keys <= pass->queries.first) /* there is a next tile, of as many keys at most */
        tile_prefetch(mat_at(k, keys, 0), pass->queries.count, d);
    multiply_seen(shape, SUM_OVER_KEYS, diagonal, &out, begin ? TILE_ZERO : TILE_RESCALE,
                  pass->rescale);
}

/* Divide by the sums, and keep their logarithms. */
static void finish(const struct attention_job *job, struct pass *pass, size_t sequence, size_t head)
{
    const struct attention *at = &job->at;
    size_t first = pass->queries.first, row = sequence * at->time + first;

    for (size_t v = 0; v < ATTENTION_QUERIES; v += VF_LANES) {
        vf sum = vf_load(pass->sum + v), lse = vf_add(vf_load(pass->max + v), vf_log(sum));
        vm none = vm_less(sum, vf_set(0x1p-126f));

        vf_store(pass->max + v, vf_select(none, vf_zero(), lse));
        vf_store(pass->sum + v, vf_select(none, vf_zero(), vf_div(vf_set(1), sum)));
    }
    for (size_t i = 0; i < pass->queries.count; i++)
        job->lse[(row + i) * at->q_heads + head] = pass->max[i];
    store_turned(pass->o, pass->sum, at->head_dim, pass->queries.count,
                 mat_at(attention_q(job, job->o, sequence, head), first, 0));
}

static void forward(const struct attention_job *job, size_t sequence, size_t head, size_t first,
                    void *scratch)
{
    struct pass pass;
    size_t begin, end;

    carve(job, &pass, scratch);
    queries_init(&pass.queries, &job->at, sequence, first);
    for (size_t i = 0; i < ATTENTION_QUERIES; i++) {
        pass.max[i] = LOWEST_LOGIT;
        pass.sum[i] = 0;
    }
    tile_pack_columns(mat_at(attention_q(job, job->q, sequence, head), first, 0),
                      pass.queries.count, shape_of(job).units, ATTENTION_QUERIES, pass.q);
    begin =
        (pass.queries.key_first < first ? pass.queries.key_first : first) / TILE_KEYS * TILE_KEYS;
    end = first + pass.queries.count;
    for (size_t u = begin; u < end; u += TILE_KEYS)
        forward_tile(job, &pass, sequence, head, u, end - u < TILE_KEYS ? end - u : TILE_KEYS,
                     u == begin);
    finish(job, &pass, sequence, head);
}

const struct attention_ops LEVEL(attention_ops) = {
    forward_bytes, LEVEL(attention_backward_bytes), LEVEL(attention_decode_bytes),
    forward,       LEVEL(attention_backward_head),  LEVEL(attention_decode_chunk),
};
