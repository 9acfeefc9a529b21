/* kernels/attention - causal attention with grouped heads and a cap on its logits, in tiles: no
 * (time, time) matrix is ever in memory.
 *
 *   s_tu = cap tanh(scale q_t.k_u / cap) temperature_t, u <= t and key u visible, p = softmax_u(s)
 *   in fp32, o_t = sum_u p_tu v_u; query head x reads kv head x / (q_heads / kv_heads).
 *
 * With bf16 inputs the products take bf16 (p too) and sum in fp32. */
#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#include "kernels/exec.h"

struct attention {
    size_t batch, time; /* rows are batch * time, sequence after sequence */
    size_t q_heads, kv_heads, head_dim;
    float scale; /* s_a */
    float cap;   /* 0: none */
    const float
        *temperature; /* (time): factor of the logits of a query at this position, or NULL */
    const uint8_t *key_hidden; /* (batch * time): 1 where a key is never seen (padding), or NULL */
    const int32_t *first_key;  /* (batch * time): the first position (within its sequence) that a
                                  query sees, for documents apart; or NULL: 0 */
    size_t past; /* forward alone: so many queries of each sequence are not asked for: q, o and lse
                    have time - past rows a sequence; 0: all */
};

/* A query's result does not depend on which others are asked for.
 *
 * q (rows, q_heads * head_dim), k and v (rows, kv_heads * head_dim), o as q: all of one type. lse
 * (rows, q_heads) fp32: log of the sum of exp, for the way back. A query that sees no key gets o 0
 * and lse 0. */
void attention_forward(const struct exec *exec, const struct attention *at, struct mat q,
                       struct mat k, struct mat v, struct mat o, float *lse);

/* From o, lse and dout (as o) the gradients dq, dk, dv (as q, k, v), overwritten. */
void attention_backward(const struct exec *exec, const struct attention *at, struct mat q,
                        struct mat k, struct mat v, struct mat o, const float *lse, struct mat dout,
                        struct mat dq, struct mat dk, struct mat dv);

/* One new token for each of `batch` sequences: q (batch, q_heads * head_dim); cached keys and
 * values of sequence b are rows b * at->time ... of k and v, lengths[b] of them, the newest last.
 * at->key_hidden, if any, is for these rows. */
void attention_decode(const struct exec *exec, const struct attention *at, struct mat q,
                      struct mat k, struct mat v, const int32_t *lengths, struct mat o);

#endif
