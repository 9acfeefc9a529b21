/* kernels/cpu/embed - a row scaled, and a row scaled and added, at each level. */
#ifndef KERNELS_CPU_EMBED_H
#define KERNELS_CPU_EMBED_H

#include "kernels/exec.h"

struct embed_ops {
    void (*scaled)(size_t n, float scale, const float *in, float *out);
    void (*add_scaled)(size_t n, float scale, const float *in, float *sum);
};

extern const struct embed_ops embed_ops_ref;
extern const struct embed_ops embed_ops_avx2;
extern const struct embed_ops embed_ops_avx512;
extern const struct embed_ops embed_ops_avx512bf16;

#endif
