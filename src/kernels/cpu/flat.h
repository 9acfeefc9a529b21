/* kernels/cpu/flat - operations on a piece of a long vector, at each level. */
#ifndef KERNELS_CPU_FLAT_H
#define KERNELS_CPU_FLAT_H

#include "kernels/flat.h"

/* AdamW's factors, made once: g' = grad_scale g, m = beta1 m + rest1 g', v = beta2 v + rest2 g'^2,
 * w -= step m / (sqrt(v root) + eps) + decay w. */
struct adamw_factors {
    float grad_scale, beta1, rest1, beta2, rest2, step, root, eps, decay;
};

struct flat_ops {
    void (*add)(size_t count, float *a, const float *b);
    double (*square_sum)(size_t count, const float *x); /* at most FLAT_BLOCK items */
    void (*adamw)(const struct adamw_factors *f, size_t count, const float *g, float *w, float *m,
                  float *v);
    void (*to_bf16)(size_t count, const float *in, uint16_t *out);
    void (*from_bf16)(size_t count, const uint16_t *in, float *out);
};

extern const struct flat_ops flat_ops_ref;
extern const struct flat_ops flat_ops_avx2;
extern const struct flat_ops flat_ops_avx512;
extern const struct flat_ops flat_ops_avx512bf16;

#endif
