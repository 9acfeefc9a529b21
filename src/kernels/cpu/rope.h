/* kernels/cpu/rope - the inner loop of rotary positions, at each level. */
#ifndef KERNELS_CPU_ROPE_H
#define KERNELS_CPU_ROPE_H

#include "kernels/rope.h"

struct rope_ops {
    /* Turn one head x (head_dim) by cos and sin (head_dim / 2); `sign` -1 turns back. */
    void (*turn)(enum dtype type, void *x, size_t half, const float *cos_row, const float *sin_row,
                 float sign);
};

extern const struct rope_ops rope_ops_ref, rope_ops_avx2, rope_ops_avx512, rope_ops_avx512bf16;

#endif
