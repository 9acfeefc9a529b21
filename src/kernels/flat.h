/* kernels/flat - operations on long vectors of fp32: sums of gradients, norms, the optimizer.
 *
 * Sums are made over blocks of FLAT_BLOCK items, each in one order, and the blocks in order. */
#ifndef KERNELS_FLAT_H
#define KERNELS_FLAT_H

#include "kernels/exec.h"

#define FLAT_BLOCK 16384

/* a += b */
void flat_add(const struct exec *exec, size_t count, float *a, const float *b);

/* sums[i] = sum of the squares of block i, in double; (count + FLAT_BLOCK - 1) / FLAT_BLOCK of
 * them. Not finite when an item is not. */
void flat_square_sums(const struct exec *exec, size_t count, const float *x, double *sums);

/* AdamW with decoupled decay (Loshchilov and Hutter 2019):
 *   g' = grad_scale g; m = b1 m + (1-b1) g'; v = b2 v + (1-b2) g'^2
 *   w -= lr (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay w) */
struct adamw {
    float lr, beta1, beta2, eps, decay;
    float grad_scale;
    float correction1, correction2; /* 1 - b1^t, 1 - b2^t */
};

void flat_adamw(const struct exec *exec, const struct adamw *adamw, size_t count, const float *g,
                float *w, float *m, float *v);

/* fp32 to bf16 and back, in memory order. */
void flat_to_bf16(const struct exec *exec, size_t count, const float *in, uint16_t *out);
void flat_from_bf16(const struct exec *exec, size_t count, const uint16_t *in, float *out);

#endif
