/* kernels/cpu/attention - the parts of an attention that one thread computes, at each level. */
#ifndef KERNELS_CPU_ATTENTION_H
#define KERNELS_CPU_ATTENTION_H

#include "kernels/attention.h"

#include <stdbool.h>

#define ATTENTION_QUERIES 64  /* of a tile */
#define ATTENTION_TILES   4   /* of one item of the forward pass, at most */
#define ATTENTION_KEYS    256 /* of one item of a decode */

/* What all items of a call share. */
struct attention_job {
    struct attention at;
    struct mat q, k, v, o, dout, dq, dk, dv;
    float *lse;
    const int32_t *lengths;
    size_t item_queries; /* of the forward pass: of one tile or of ATTENTION_TILES */
    /* Of decode: (batch, q_heads, chunks of ATTENTION_KEYS) of head_dim + 2: the sum of exp(s - m)
     * v over the chunk's keys, m, and the sum of exp(s - m). Of backward with grouped heads:
     * (batch, q_heads, 2, time, head_dim), dk and dv as each query head adds to them; it begins
     * with sequence `first`. */
    float *partial;
    size_t first;
};

struct attention_ops {
    /* Bytes of scratch that one item of each kind wants. */
    size_t (*forward_bytes)(const struct attention_job *job);
    size_t (*backward_bytes)(const struct attention_job *job);
    size_t (*decode_bytes)(const struct attention_job *job);

    /* o and lse of up to job->item_queries queries from `first` on. */
    void (*forward)(const struct attention_job *job, size_t sequence, size_t head, size_t first,
                    void *scratch);
    /* dq of a query head; dk and dv into job->partial when there is one, else to their place. */
    void (*backward)(const struct attention_job *job, size_t sequence, size_t head, void *scratch);
    /* out's row of n numbers = the sum of `count` rows, `stride` apart, in their order. */
    void (*join)(size_t n, const float *rows, size_t stride, size_t count, struct mat out);
    /* One chunk of keys for all query heads of a kv head, into job->partial. */
    void (*decode)(const struct attention_job *job, size_t sequence, size_t kv_head, size_t chunk,
                   void *scratch);
};

extern const struct attention_ops attention_ops_ref, attention_ops_avx2, attention_ops_avx512,
    attention_ops_avx512bf16;

static inline bool attention_sees(const struct attention *at, size_t sequence, size_t query,
                                  size_t key)
{
    return key <= query && !(at->key_hidden && at->key_hidden[sequence * at->time + key]) &&
           !(at->first_key && at->first_key[sequence * at->time + query] > (int64_t)key);
}

/* Queries of one head of one sequence, from position `first` on, and their row. */
static inline size_t attention_row(const struct attention_job *job, size_t sequence, size_t first)
{
    return sequence * (job->at.time - job->at.past) + first - job->at.past;
}

static inline struct mat attention_q(const struct attention_job *job, struct mat mat,
                                     size_t sequence, size_t head, size_t first)
{
    return mat_at(mat, attention_row(job, sequence, first), head * job->at.head_dim);
}

/* Keys of one query head of one sequence. */

static inline struct mat attention_kv(const struct attention_job *job, struct mat mat,
                                      size_t sequence, size_t head)
{
    size_t group = job->at.q_heads / job->at.kv_heads;

    return mat_at(mat, sequence * job->at.time, head / group * job->at.head_dim);
}

/* Where a query head's share of dk lies when heads are grouped; that of dv follows it. */
static inline float *attention_partial(const struct attention_job *job, size_t sequence,
                                       size_t head)
{
    return job->partial +
           ((sequence - job->first) * job->at.q_heads + head) * 2 * job->at.time * job->at.head_dim;
}

#endif
