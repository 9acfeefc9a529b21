/* The way back of one query head: key tiles outside, query tiles inside, five products for each
 * pair. As in the forward pass, logits and their gradients lie as (key, query). dq is summed as
 * (number, query), so that dq, dk and dv are all made from what is broadcast on one side. */
#include "kernels/cpu/vector/attention.h"

struct way_back {
    /* Of the whole sequence, a tile of queries after the other. */
    float *q, *dout;           /* (tiles, units, queries) */
    float *q_rows, *dout_rows; /* (tiles, queries / step, width) */
    float *dq;                 /* (tiles, head_dim, queries) */
    float *lse, *mean;         /* (tiles, queries); mean is sum_u p_u dp_u */
    struct queries *queries;   /* (tiles) */
    /* Of a tile of keys. */
    float *k_rows;  /* (keys / step, width) */
    float *k, *v;   /* (keys, head_dim): copies in fp32, where bf16 is not used */
    float *dk, *dv; /* (keys, width) */
    /* Of a tile of both. */
    float *s, *dp;             /* (keys, queries) */
    float *p_units, *ds_units; /* (keys / step, queries) */
    void *p_rows, *ds_rows;    /* (keys, queries) in the type; where units are floats, the units */
};

static size_t tile_count(const struct attention_job *job)
{
    return (job->at.time + ATTENTION_QUERIES - 1) / ATTENTION_QUERIES;
}

static size_t carve(const struct attention_job *job, struct way_back *w, char *scratch)
{
    struct shape shape = shape_of(job);
    size_t tiles = tile_count(job), d = job->at.head_dim;
    size_t tile = TILE_KEYS * ATTENTION_QUERIES,
           rows = ATTENTION_QUERIES / shape.step * shape.width;
    char *at = scratch;

    w->q = take(&at, tiles * shape.units * ATTENTION_QUERIES);
    w->dout = take(&at, tiles * shape.units * ATTENTION_QUERIES);
    w->q_rows = take(&at, tiles * rows);
    w->dout_rows = take(&at, tiles * rows);
    w->dq = take(&at, tiles * d * ATTENTION_QUERIES);
    w->lse = take(&at, tiles * ATTENTION_QUERIES);
    w->mean = take(&at, tiles * ATTENTION_QUERIES);
    w->queries = (struct queries *)take(&at, tiles * sizeof(struct queries) / sizeof(float));
    w->k_rows = take(&at, TILE_KEYS / shape.step * shape.width);
    w->k = take(&at, shape.pairs ? 0 : TILE_KEYS * d);
    w->v = take(&at, shape.pairs ? 0 : TILE_KEYS * d);
    w->dk = take(&at, TILE_KEYS * shape.width);
    w->dv = take(&at, TILE_KEYS * shape.width);
    w->s = take(&at, tile);
    w->dp = take(&at, tile);
    w->p_units = take(&at, tile / shape.step);
    w->ds_units = take(&at, tile / shape.step);
    w->p_rows = shape.pairs ? take(&at, tile / 2) : w->p_units;
    w->ds_rows = shape.pairs ? take(&at, tile / 2) : w->ds_units;
    return (size_t)(at - scratch);
}

size_t LEVEL(attention_backward_bytes)(const struct attention_job *job)
{
    struct way_back w;
    static char none;

    return carve(job, &w, &none);
}

/* <dout, o> of a row. */
VEC_INLINE float row_mean(enum dtype type, const void *dout, const void *o, size_t d)
{
    vf sum = vf_zero();

    for (size_t c = 0; c < d; c += VF_LANES) {
        size_t n = d - c < VF_LANES ? d - c : VF_LANES;

        sum = vf_fma(vf_get_n(type, dout, c, n), vf_get_n(type, o, c, n), sum);
    }
    return vf_sum(sum);
}

static void prepare_queries(const struct attention_job *job, struct way_back *w, size_t sequence,
                            size_t head, size_t tile)
{
    struct shape shape = shape_of(job);
    const struct attention *at = &job->at;
    struct queries *queries = w->queries + tile;
    size_t first = tile * ATTENTION_QUERIES, d = at->head_dim,
           columns = shape.units * ATTENTION_QUERIES,
           rows = ATTENTION_QUERIES / shape.step * shape.width;
    struct mat q = attention_q(job, job->q, sequence, head, first),
               o = attention_q(job, job->o, sequence, head, first),
               dout = attention_q(job, job->dout, sequence, head, first);

    queries_init(queries, at, sequence, first);
    tile_prefetch(q, queries->count, d);
    tile_prefetch(dout, queries->count, d);
    tile_prefetch(o, queries->count, d);
    tile_pack_columns(q, queries->count, shape.units, ATTENTION_QUERIES, w->q + tile * columns);
    tile_pack_columns(dout, queries->count, shape.units, ATTENTION_QUERIES,
                      w->dout + tile * columns);
    tile_pack_rows(q, queries->count, ATTENTION_QUERIES, d, shape.width, w->q_rows + tile * rows);
    tile_pack_rows(dout, queries->count, ATTENTION_QUERIES, d, shape.width,
                   w->dout_rows + tile * rows);
    for (size_t i = 0; i < ATTENTION_QUERIES; i++) {
        bool real = i < queries->count;

        w->lse[first + i] =
            real ? job->lse[(sequence * at->time + first + i) * at->q_heads + head] : 0;
        w->mean[first + i] =
            real ? row_mean(q.type, mat_at(dout, i, 0).p, mat_at(o, i, 0).p, d) : 0;
    }
}

/* p and ds of one key and one vector of queries. */
VEC_INLINE void gradients(const struct attention_job *job, const struct way_back *w,
                          const struct queries *queries, size_t v, size_t key, size_t u, bool mask,
                          vf *p, vf *ds)
{
    size_t at = u * ATTENTION_QUERIES + v * VF_LANES, query = queries->first + v * VF_LANES;
    vf slope, s = logit_both(logits_of(&job->at), vf_load(queries->factor + v * VF_LANES),
                             vf_load(w->s + at), &slope);

    *p = vf_exp(vf_sub(s, vf_load(w->lse + query)));
    if (mask)
        *p = queries_select(queries, v, key, *p, vf_zero());
    *ds = vf_mul(vf_mul(*p, vf_sub(vf_load(w->dp + at), vf_load(w->mean + query))), slope);
}

/* p and ds of a tile, as units and as rows. */
VEC_INLINE void gradients_tile(enum dtype type, const struct attention_job *job,
                               const struct way_back *w, const struct queries *queries,
                               const uint8_t *hidden, size_t first, size_t keys)
{
    bool mask = queries_mask(queries, first, keys), diagonal = is_diagonal(queries, first, keys);
    size_t size = tile_pairs(type) ? sizeof(uint16_t) : sizeof(float);

    for (size_t u = 0; u < keys; u += 2)
        for (size_t v = diagonal && u >= TILE_HALF ? QUERY_VECS / 2 : 0; v < QUERY_VECS; v++) {
            size_t row = u * ATTENTION_QUERIES + v * VF_LANES,
                   unit = u / (tile_pairs(type) ? 2 : 1) * ATTENTION_QUERIES + v * VF_LANES;
            vf p[2] = {vf_zero(), vf_zero()}, ds[2] = {vf_zero(), vf_zero()};

            for (size_t i = 0; i < 2; i++)
                if (u + i < keys && !(hidden && hidden[u + i]))
                    gradients(job, w, queries, v, first + u + i, u + i, mask, p + i, ds + i);
            tile_put_two(type, p[0], p[1], w->p_units + unit, (char *)w->p_rows + row * size,
                         ATTENTION_QUERIES);
            tile_put_two(type, ds[0], ds[1], w->ds_units + unit, (char *)w->ds_rows + row * size,
                         ATTENTION_QUERIES);
        }
}

/* One tile of keys with one of queries; `begin`: the first query tile of these keys. */
static void backward_tile(const struct attention_job *job, struct way_back *w,
                          const uint8_t *hidden, struct units k, struct units v, size_t first,
                          size_t keys, size_t tile, bool begin)
{
    struct shape shape = shape_of(job);
    bool diagonal = is_diagonal(w->queries + tile, first, keys);
    size_t d = job->at.head_dim, columns = shape.units * ATTENTION_QUERIES,
           rows = ATTENTION_QUERIES / shape.step * shape.width;
    struct units p = {w->p_rows, ATTENTION_QUERIES * sizeof(float) / shape.step, sizeof(float)},
                 ds = {w->ds_rows, ATTENTION_QUERIES * sizeof(float) / shape.step, sizeof(float)};
    struct product logits = {k,
                             w->q + tile * columns,
                             ATTENTION_QUERIES,
                             w->s,
                             ATTENTION_QUERIES,
                             keys,
                             QUERY_VECS,
                             shape.units};
    struct product dp = {v,
                         w->dout + tile * columns,
                         ATTENTION_QUERIES,
                         w->dp,
                         ATTENTION_QUERIES,
                         keys,
                         QUERY_VECS,
                         shape.units};
    struct product dv = {
        p,
        w->dout_rows + tile * rows,
        shape.width,
        w->dv,
        shape.width,
        keys,
        shape.width / VF_LANES,
        ATTENTION_QUERIES / shape.step,
    };
    struct product dk = {
        ds,
        w->q_rows + tile * rows,
        shape.width,
        w->dk,
        shape.width,
        keys,
        shape.width / VF_LANES,
        ATTENTION_QUERIES / shape.step,
    };
    struct product dq = {
        tile_turned(w->k_rows, shape.width),
        w->ds_units,
        ATTENTION_QUERIES,
        w->dq + tile * d * ATTENTION_QUERIES,
        ATTENTION_QUERIES,
        d,
        QUERY_VECS,
        (keys + shape.step - 1) / shape.step,
    };

    multiply_seen(shape, KEYS_BY_QUERIES, diagonal, &logits, TILE_ZERO, NULL);
    multiply_seen(shape, KEYS_BY_QUERIES, diagonal, &dp, TILE_ZERO, NULL);
    if (job->q.type == DTYPE_F32)
        gradients_tile(DTYPE_F32, job, w, w->queries + tile, hidden, first, keys);
    else
        gradients_tile(DTYPE_BF16, job, w, w->queries + tile, hidden, first, keys);
    multiply_seen(shape, SUM_OVER_QUERIES, diagonal, &dv, begin ? TILE_ZERO : TILE_ADD, NULL);
    multiply_seen(shape, SUM_OVER_QUERIES, diagonal, &dk, begin ? TILE_ZERO : TILE_ADD, NULL);
    multiply_seen(shape, SUM_OVER_KEYS, diagonal, &dq, TILE_ADD, NULL);
}

static void store_rows(const float *rows, size_t width, size_t d, size_t count, struct mat out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < d; c += VF_LANES)
            put_columns(out.type, mat_at(out, i, 0).p, c, vf_load(rows + i * width + c), d);
}

static void backward_keys(const struct attention_job *job, struct way_back *w, size_t sequence,
                          size_t head, size_t first)
{
    struct shape shape = shape_of(job);
    const struct attention *at = &job->at;
    size_t d = at->head_dim, left = at->time - first, keys = left < TILE_KEYS ? left : TILE_KEYS;
    struct mat k = mat_at(attention_kv(job, job->k, sequence, head), first, 0),
               v = mat_at(attention_kv(job, job->v, sequence, head), first, 0),
               dk = mat_at(attention_kv(job, job->dk, sequence, head), first, 0),
               dv = mat_at(attention_kv(job, job->dv, sequence, head), first, 0);
    struct units k_units = tile_rows(k, keys, d, w->k), v_units = tile_rows(v, keys, d, w->v);
    const uint8_t *hidden = at->key_hidden ? at->key_hidden + sequence * at->time + first : NULL;
    bool begin = true;

    tile_prefetch(k, keys, d);
    tile_prefetch(v, keys, d);
    tile_pack_rows(k, keys, keys, d, shape.width, w->k_rows);
    for (size_t tile = first / ATTENTION_QUERIES; tile < tile_count(job); tile++) {
        if (w->queries[tile].key_first >= first + keys && !begin)
            continue;
        backward_tile(job, w, hidden, k_units, v_units, first, keys, tile, begin);
        begin = false;
    }
    if (job->partial) {
        dk = mat_f32(attention_partial(job, sequence, head) + first * d, d);
        dv = mat_at(dk, at->time, 0);
    }
    store_rows(w->dk, shape.width, d, keys, dk);
    store_rows(w->dv, shape.width, d, keys, dv);
}

void LEVEL(attention_backward_head)(const struct attention_job *job, size_t sequence, size_t head,
                                    void *scratch)
{
    size_t d = job->at.head_dim, tiles = tile_count(job);
    struct mat dq = attention_q(job, job->dq, sequence, head, 0);
    float ones[ATTENTION_QUERIES];
    struct way_back w;

    carve(job, &w, scratch);
    for (size_t i = 0; i < ATTENTION_QUERIES; i++)
        ones[i] = 1;
    for (size_t tile = 0; tile < tiles; tile++)
        prepare_queries(job, &w, sequence, head, tile);
    memset(w.dq, 0, tiles * d * ATTENTION_QUERIES * sizeof(*w.dq));
    for (size_t first = 0; first < job->at.time; first += TILE_KEYS)
        backward_keys(job, &w, sequence, head, first);
    for (size_t tile = 0; tile < tiles; tile++)
        store_turned(w.dq + tile * d * ATTENTION_QUERIES, ones, d, w.queries[tile].count,
                     mat_at(dq, tile * ATTENTION_QUERIES, 0));
}

void LEVEL(attention_join)(size_t n, const float *rows, size_t stride, size_t count, struct mat out)
{
    for (size_t c = 0; c < n; c += VF_LANES) {
        vf sum = vf_zero();

        for (size_t i = 0; i < count; i++)
            sum = vf_add(sum, vf_get_left(DTYPE_F32, rows + i * stride, c, n - c));
        vf_put_left(out.type, out.p, c, sum, n - c);
    }
}
