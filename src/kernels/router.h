/* kernels/router - which experts a token goes to, in fp32 throughout.
 *
 *   l = m Wr; l = cap tanh(l / cap) when there is a cap; p = softmax(l); chosen = the top k of
 *   p + bias, ties to the lowest index; gate_k = p[chosen_k], divided by their sum when
 *   `renormalize` (0 when that is 0). The bias steers the choice and nothing else. A probability
 *   that is NaN counts as the least, so what is chosen is always `used` different experts. */
#ifndef KERNELS_ROUTER_H
#define KERNELS_ROUTER_H

#include "kernels/exec.h"

#include <stdbool.h>

#define ROUTER_EXPERTS_MAX 1024
#define ROUTER_USED_MAX    16

struct router {
    size_t rows, n;       /* tokens, model width */
    size_t experts, used; /* used <= experts */
    float cap;            /* 0: none (Grok-1) */
    bool renormalize;
    const float *weight; /* (n, experts) fp32 */
    const float *bias;   /* (experts), or NULL */
};

/* What is kept for the way back. */
struct routes {
    float *probs;    /* (rows, experts) */
    float *log_sum;  /* (rows): log sum exp of the logits, for the z-loss */
    int32_t *chosen; /* (rows, used), best first */
    float *gates;    /* (rows, used) */
};

/* m (rows, n). */
void router_forward(const struct exec *exec, const struct router *router, struct mat m,
                    struct routes *out);

/* Losses on the router alone, added to the gradient:
 *   z-loss  z_weight mean_rows log_sum^2                           (ST-MoE, Zoph et al. 2022)
 *   balance aux_weight experts sum_e share_e mean_rows probs_e     (Switch, Fedus et al. 2021)
 * with share_e the part of the rows' choices that fell on e. `rows_inverse` is 1 / the rows of the
 * whole step, so that shards add up. share (experts) is this shard's own. */
struct router_losses {
    float z_weight, aux_weight, rows_inverse;
    const float *share; /* NULL when aux_weight is 0 */
};

/* dgates (rows, used). dm (rows, n) fp32 += dl Wr^T; dweight (n, experts) overwritten. `logits`
 * (rows, experts) is scratch for dl. */
void router_backward(const struct exec *exec, const struct router *router,
                     const struct routes *routes, const struct router_losses *losses, struct mat m,
                     const float *dgates, float *logits, float *dm, float *dweight);

/* The slots of experts: slot s belongs to row token[s]; those of expert e are offset[e] ...
 * offset[e + 1] - 1, in the order of rows; slot[row * used + i] is where the row's i-th choice
 * went. A counting sort, no capacity: nothing is dropped. */
void dispatch_plan(size_t rows, size_t used, size_t experts, const int32_t *chosen,
                   uint32_t *offset /* (experts + 1) */, uint32_t *token /* (rows * used) */,
                   uint32_t *slot /* (rows * used) */);

/* out (rows, n) = sum over i, in order, of gates[row, i] e[slot[row, i]]; gates NULL: 1. `add`:
 * out += (fp32). e is (slots, n). */
void combine_forward(const struct exec *exec, size_t rows, size_t used, size_t n,
                     const uint32_t *slot, const float *gates, struct mat e, struct mat out,
                     bool add);

/* de[slot] = gate dout[row]; dgates[row, i] = <dout[row], e[slot]>. de may be e. */
void combine_backward(const struct exec *exec, size_t rows, size_t used, size_t n,
                      const uint32_t *slot, const float *gates, struct mat e, struct mat dout,
                      struct mat de, float *dgates);

#endif
