/* kernels/cpu/glu - the inner parts of the gated unit, a row of n at a time, at each level. */
#ifndef KERNELS_CPU_GLU_H
#define KERNELS_CPU_GLU_H

#include "kernels/exec.h"

struct glu_ops {
    void (*forward)(size_t n, struct mat g, struct mat u, struct mat z);
    void (*backward)(size_t n, struct mat g, struct mat u, struct mat dz, struct mat dg,
                     struct mat du, struct mat z);
};

extern const struct glu_ops glu_ops_ref;
extern const struct glu_ops glu_ops_avx2;
extern const struct glu_ops glu_ops_avx512;
extern const struct glu_ops glu_ops_avx512bf16;

#endif
