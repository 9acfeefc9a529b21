/* One query over a cache of keys: what counts is to read each row of the cache from memory once,
 * and for that all query heads of a kv head take a chunk that stays in the cache. */
#include "kernels/cpu/vector/attention.h"

size_t LEVEL(attention_decode_bytes)(const struct attention_job *job)
{
    (void)job;
    return ATTENTION_KEYS * sizeof(float);
}

VEC_INLINE float row_product(enum dtype type, const void *q, const void *k, size_t units)
{
    vf even = vf_zero(), odd = vf_zero();
    size_t u = 0;

    for (; u + 2 * VF_LANES <= units; u += 2 * VF_LANES) {
        even = vf_multiply(tile_pairs(type), tile_load(type, q, u, VF_LANES),
                           tile_load(type, k, u, VF_LANES), even);
        odd = vf_multiply(tile_pairs(type), tile_load(type, q, u + VF_LANES, VF_LANES),
                          tile_load(type, k, u + VF_LANES, VF_LANES), odd);
    }
    for (; u < units; u += VF_LANES)
        even = vf_multiply(tile_pairs(type), tile_load(type, q, u, units - u),
                           tile_load(type, k, u, units - u), even);
    return vf_sum(vf_add(even, odd));
}

/* out (d) = sum over keys of p v. */
VEC_INLINE void weigh(enum dtype type, const float *p, struct mat v, size_t keys, size_t d,
                      float *out)
{
    size_t c = 0;

    for (; c + 4 * VF_LANES <= d; c += 4 * VF_LANES) {
        vf sum[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};

        for (size_t u = 0; u < keys; u++)
            for (size_t i = 0; i < 4; i++)
                sum[i] =
                    vf_fma(vf_set(p[u]), vf_get(type, mat_at(v, u, 0).p, c + i * VF_LANES), sum[i]);
        for (size_t i = 0; i < 4; i++)
            vf_store(out + c + i * VF_LANES, sum[i]);
    }
    for (; c < d; c += VF_LANES) {
        size_t n = d - c < VF_LANES ? d - c : VF_LANES;
        vf sum = vf_zero();

        for (size_t u = 0; u < keys; u++)
            sum = vf_fma(vf_set(p[u]), vf_get_n(type, mat_at(v, u, 0).p, c, n), sum);
        vf_store_n(out + c, sum, n);
    }
}

/* Products into logits, then exp(logit - max) rounded to the type; out[0] = max, out[1] = sum. */
VEC_INLINE void softmax_row(enum dtype type, const struct attention *at, size_t position, float *s,
                            size_t keys, const uint8_t *hidden, float *out)
{
    struct logits logits = logits_of(at);
    vf factor = vf_set(logit_factor(at, position)), max = vf_set(LOWEST_LOGIT), sum = vf_zero();

    for (size_t u = 0; u < keys; u += VF_LANES) {
        vf x = logit(logits, factor, vf_load(s + u));

        vf_store(s + u, vf_select(vm_first(keys - u < VF_LANES ? keys - u : VF_LANES), x,
                                  vf_set(NO_LOGIT)));
        for (size_t i = u; hidden && i < keys && i < u + VF_LANES; i++)
            s[i] = hidden[i] ? NO_LOGIT : s[i];
        max = vf_max(max, vf_load(s + u));
    }
    out[0] = vf_largest(max);
    for (size_t u = 0; u < keys; u += VF_LANES) {
        vf p = vf_exp(vf_sub(vf_load(s + u), vf_set(out[0])));

        sum = vf_add(sum, p);
        if (type == DTYPE_BF16)
            p = vf_from_bf16(vf_to_bf16(p));
        vf_store(s + u, p);
    }
    out[1] = vf_sum(sum);
}

VEC_INLINE void decode_head(enum dtype type, const struct attention_job *job, size_t sequence,
                            size_t head, size_t first, size_t keys, float *s, float *out)
{
    const struct attention *at = &job->at;
    const uint8_t *hidden = at->key_hidden ? at->key_hidden + sequence * at->time + first : NULL;
    const void *q = mat_at(job->q, sequence, head * at->head_dim).p;
    struct mat k = mat_at(attention_kv(job, job->k, sequence, head), first, 0),
               v = mat_at(attention_kv(job, job->v, sequence, head), first, 0);

    for (size_t u = keys; u % VF_LANES; u++) /* what fills the last vector */
        s[u] = 0;
    for (size_t u = 0; u < keys; u++)
        s[u] = row_product(type, q, mat_at(k, u, 0).p, shape_of(job).units);
    softmax_row(type, at, (size_t)job->lengths[sequence] - 1, s, keys, hidden, out + at->head_dim);
    weigh(type, s, v, keys, at->head_dim, out);
}

void LEVEL(attention_decode_chunk)(const struct attention_job *job, size_t sequence, size_t kv_head,
                                   size_t chunk, void *scratch)
{
    const struct attention *at = &job->at;
    size_t group = at->q_heads / at->kv_heads, length = (size_t)job->lengths[sequence],
           chunks = (at->time + ATTENTION_KEYS - 1) / ATTENTION_KEYS,
           first = chunk * ATTENTION_KEYS, left = length - first,
           keys = left < ATTENTION_KEYS ? left : ATTENTION_KEYS;

    for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++) {
        float *out =
            job->partial + ((sequence * at->q_heads + head) * chunks + chunk) * (at->head_dim + 2);

        if (job->q.type == DTYPE_F32)
            decode_head(DTYPE_F32, job, sequence, head, first, keys, scratch, out);
        else
            decode_head(DTYPE_BF16, job, sequence, head, first, keys, scratch, out);
    }
}
