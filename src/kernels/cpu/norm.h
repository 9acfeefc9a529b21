/* kernels/cpu/norm - the inner parts of RMS normalisation, a row at a time, at each level. */
#ifndef KERNELS_CPU_NORM_H
#define KERNELS_CPU_NORM_H

#include "kernels/exec.h"

#include <stdbool.h>

struct norm_ops {
    /* out = (h, when there is one, +) gain x r; gives r. The matrices are one row of n. */
    float (*forward)(size_t n, float eps, const float *gain, struct mat x, const float *h,
                     struct mat out);

    /* dx (+)= its gradient; dgain += this row's. */
    void (*backward)(size_t n, const float *gain, struct mat x, float r, struct mat dy,
                     struct mat dx, bool add, float *dgain);
};

extern const struct norm_ops norm_ops_ref;
extern const struct norm_ops norm_ops_avx2;
extern const struct norm_ops norm_ops_avx512;
extern const struct norm_ops norm_ops_avx512bf16;

#endif
