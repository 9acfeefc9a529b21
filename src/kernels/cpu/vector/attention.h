/* kernels/cpu/vector/attention - what attention's forward, backward and decode share. */
#ifndef KERNELS_CPU_VECTOR_ATTENTION_H
#define KERNELS_CPU_VECTOR_ATTENTION_H

#include "kernels/cpu/attention.h"
#include "kernels/cpu/vector/tile.h"

#define TILE_KEYS    64 /* a tile: keys by ATTENTION_QUERIES queries */
#define TILE_HALF    (TILE_KEYS / 2)
#define QUERY_VECS   (ATTENTION_QUERIES / VF_LANES)
#define NO_LOGIT     (-__builtin_inff())
#define LOWEST_LOGIT (-1e30f) /* the maximum of no logits: its difference to -inf is still -inf */

size_t LEVEL(attention_backward_bytes)(const struct attention_job *job);
void LEVEL(attention_backward_head)(const struct attention_job *job, size_t sequence, size_t head,
                                    void *scratch);
void LEVEL(attention_join)(size_t n, const float *rows, size_t stride, size_t count,
                           struct mat out);
size_t LEVEL(attention_decode_bytes)(const struct attention_job *job);
void LEVEL(attention_decode_chunk)(const struct attention_job *job, size_t sequence, size_t kv_head,
                                   size_t chunk, void *scratch);

/* How the sizes of a head are cut into units and vectors. */
struct shape {
    bool pairs;
    size_t step;  /* numbers in a unit */
    size_t units; /* of a head's row */
    size_t width; /* a head's numbers, in whole vectors */
};

VEC_INLINE struct shape shape_of(const struct attention_job *job)
{
    size_t d = job->at.head_dim, step = tile_pairs(job->q.type) ? 2 : 1;

    return (struct shape){step == 2, step, d / step, (d + VF_LANES - 1) / VF_LANES * VF_LANES};
}

/* `count` floats from scratch, on whole lines. */
VEC_INLINE float *take(char **scratch, size_t count)
{
    float *p = (float *)*scratch;

    *scratch += (count * sizeof(float) + 63) & ~(size_t)63;
    return p;
}

/* A logit of a query from its product q.k: factor tanh(bend product), or factor product when there
 * is no cap; and its slope by the product. */
struct logits {
    bool capped;
    vf bend;
};

VEC_INLINE struct logits logits_of(const struct attention *at)
{
    return (struct logits){at->cap > 0, vf_set(at->cap > 0 ? at->scale / at->cap : 0)};
}

/* A query's factor: of its position. */
VEC_INLINE float logit_factor(const struct attention *at, size_t position)
{
    float temperature = at->temperature ? at->temperature[position] : 1;

    return (at->cap > 0 ? at->cap : at->scale) * temperature;
}

VEC_INLINE vf logit(struct logits logits, vf factor, vf product)
{
    return vf_mul(factor, logits.capped ? vf_tanh(vf_mul(logits.bend, product)) : product);
}

VEC_INLINE vf logit_both(struct logits logits, vf factor, vf product, vf *slope)
{
    vf t;

    *slope = factor;
    if (!logits.capped)
        return vf_mul(factor, product);
    t = vf_tanh(vf_mul(logits.bend, product));
    *slope = vf_mul(vf_mul(factor, logits.bend), vf_fnma(t, t, vf_set(1)));
    return vf_mul(factor, t);
}

/* The queries of a tile: lane by lane the first and the last key that each sees, as floats, and its
 * logits' factor. Lanes behind the last query are as that one. */
struct queries {
    size_t first, count;
    size_t key_first; /* the first key that any sees */
    size_t all_first; /* the first that all see: between it and `first` nothing is masked */
    float low[ATTENTION_QUERIES], high[ATTENTION_QUERIES], factor[ATTENTION_QUERIES];
};

VEC_INLINE void queries_init(struct queries *queries, const struct attention *at, size_t sequence,
                             size_t first)
{
    size_t left = at->time - first;

    queries->first = first;
    queries->count = left < ATTENTION_QUERIES ? left : ATTENTION_QUERIES;
    queries->key_first = at->time;
    queries->all_first = 0;
    for (size_t i = 0; i < ATTENTION_QUERIES; i++) {
        size_t t = first + (i < queries->count ? i : queries->count - 1), low = 0;

        if (at->first_key && at->first_key[sequence * at->time + t] > 0)
            low = (size_t)at->first_key[sequence * at->time + t];
        queries->low[i] = (float)low;
        queries->high[i] = (float)t;
        queries->factor[i] = logit_factor(at, t);
        queries->key_first = low < queries->key_first ? low : queries->key_first;
        queries->all_first = low > queries->all_first ? low : queries->all_first;
    }
}

/* Is any of the keys first ... first + count - 1 not seen by any query? */
VEC_INLINE bool queries_mask(const struct queries *queries, size_t first, size_t count)
{
    return first + count - 1 > queries->first || first < queries->all_first;
}

/* `seen` in the lanes whose query sees the key, else `other`. */
VEC_INLINE vf queries_select(const struct queries *queries, size_t v, size_t key, vf seen, vf other)
{
    vf at = vf_set((float)key);

    seen = vf_select(vm_less(at, vf_load(queries->low + v * VF_LANES)), other, seen);
    return vf_select(vm_less(vf_load(queries->high + v * VF_LANES), at), other, seen);
}

/* Columns c ... of a row of d numbers. */
VEC_INLINE void put_columns(enum dtype type, void *row, size_t c, vf x, size_t d)
{
    if (c + VF_LANES <= d)
        vf_put(type, row, c, x);
    else
        vf_put_n(type, row, c, x, d - c);
}

/* A product of a tile, by what its rows, columns and sums run over. */
enum tile_kind {
    KEYS_BY_QUERIES,  /* logits */
    SUM_OVER_KEYS,    /* columns are queries */
    SUM_OVER_QUERIES, /* rows are keys */
};

/* Multiply all but what causality hides: on the diagonal, where keys and queries of a tile begin at
 * the same position, the first half of the queries does not see the second half of the keys. */
VEC_INLINE void multiply_seen(struct shape shape, enum tile_kind kind, bool diagonal,
                              const struct product *p, enum tile_start start, const float *scale)
{
    struct part first = {{0, p->rows}, {0, p->vecs}, {0, p->units}}, second = first;

    if (!diagonal) {
        tile_multiply(shape.pairs, p, start, scale);
        return;
    }
    if (kind == KEYS_BY_QUERIES) {
        first.rows[1] = second.rows[0] = TILE_HALF;
        second.vecs[0] = QUERY_VECS / 2;
    } else if (kind == SUM_OVER_KEYS) {
        first.vecs[1] = second.vecs[0] = QUERY_VECS / 2;
        first.units[1] = TILE_HALF / shape.step;
    } else {
        first.rows[1] = second.rows[0] = TILE_HALF;
        second.units[0] = TILE_HALF / shape.step;
    }
    tile_multiply_part(shape.pairs, p, first, start, scale);
    tile_multiply_part(shape.pairs, p, second, start, scale);
}

/* Is this tile cut as multiply_seen does it? */
VEC_INLINE bool is_diagonal(const struct queries *queries, size_t first, size_t keys)
{
    return first == queries->first && keys > TILE_HALF;
}

/* How many of a tile's keys count for vector v of its queries. */
VEC_INLINE size_t keys_seen(bool diagonal, size_t v, size_t keys)
{
    return diagonal && v < QUERY_VECS / 2 ? TILE_HALF : keys;
}

/* A block of as many rows as columns; without a branch inside it stays in registers. */
VEC_INLINE void store_turned_block(enum dtype type, const float *columns, vf scale, struct mat out)
{
    vf x[VF_LANES];

    for (size_t r = 0; r < VF_LANES; r++)
        x[r] = vf_mul(vf_load(columns + r * ATTENTION_QUERIES), scale);
    tile_transpose(x);
    for (size_t r = 0; r < VF_LANES; r++)
        vf_put(type, mat_at(out, r, 0).p, 0, x[r]);
}

VEC_INLINE void store_turned_part(const float *columns, vf scale, size_t d, size_t rows,
                                  struct mat out)
{
    vf x[VF_LANES];

    for (size_t r = 0; r < VF_LANES; r++)
        x[r] = r < d ? vf_mul(vf_load(columns + r * ATTENTION_QUERIES), scale) : vf_zero();
    tile_transpose(x);
    for (size_t r = 0; r < VF_LANES && r < rows; r++)
        put_columns(out.type, mat_at(out, r, 0).p, 0, x[r], d);
}

/* out row i, of the head's numbers, = columns' lane i times scale[i]: what a tile of queries has
 * summed is turned and rounded. columns is (head_dim, ATTENTION_QUERIES). */
VEC_INLINE void store_turned(const float *columns, const float *scale, size_t d, size_t count,
                             struct mat out)
{
    for (size_t i = 0; i < count; i += VF_LANES)
        for (size_t c = 0; c < d; c += VF_LANES) {
            const float *block = columns + c * ATTENTION_QUERIES + i;
            vf s = vf_load(scale + i);

            if (i + VF_LANES > count || c + VF_LANES > d)
                store_turned_part(block, s, d - c, count - i, mat_at(out, i, c));
            else if (out.type == DTYPE_F32)
                store_turned_block(DTYPE_F32, block, s, mat_at(out, i, c));
            else
                store_turned_block(DTYPE_BF16, block, s, mat_at(out, i, c));
        }
}

#endif
