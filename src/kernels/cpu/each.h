/* kernels/cpu/each - a function of each number of an array, at each level: what the vector code
 * inlines (vec.h), callable for softmax outside the kernels, and by tests. out may be in. */
#ifndef KERNELS_CPU_EACH_H
#define KERNELS_CPU_EACH_H

#include <stddef.h>

struct each_ops {
    void (*exp)(size_t n, const float *in, float *out);
    void (*tanh)(size_t n, const float *in, float *out);
    void (*log)(size_t n, const float *in, float *out);
    void (*gelu)(size_t n, const float *in, float *out);
    void (*gelu_slope)(size_t n, const float *in, float *out);
};

extern const struct each_ops each_ops_ref;
extern const struct each_ops each_ops_avx2;
extern const struct each_ops each_ops_avx512;
extern const struct each_ops each_ops_avx512bf16;

#endif
