/* kernels/cpu/peak - multiply-adds between registers, at each level. */
#ifndef KERNELS_CPU_PEAK_H
#define KERNELS_CPU_PEAK_H

#include "kernels/exec.h"

struct peak_ops {
    /* `turns` rounds of independent multiply-adds; gives their sum, so that they are not left out.
     */
    float (*work)(enum dtype type, size_t turns);
    double flop[2]; /* of one round, by dtype */
};

extern const struct peak_ops peak_ops_ref;
extern const struct peak_ops peak_ops_avx2;
extern const struct peak_ops peak_ops_avx512;
extern const struct peak_ops peak_ops_avx512bf16;

#endif
