/* kernels/exec - where operations run: a pool of threads and the best instructions of this CPU.
 *
 * Every operation exists in plain C ("ref": src/kernels/cpu/ref, which defines it) and in vector
 * code that is written once and compiled for each level (src/kernels/cpu/vector). The result of an
 * operation depends on the level, never on the number of threads. */
#ifndef KERNELS_EXEC_H
#define KERNELS_EXEC_H

#include "base/err.h"
#include "kernels/pool.h"
#include "tensor/dtype.h"

enum kernel_level {
    KERNEL_REF,         /* plain C, no fused multiply-add: the same bits on every machine */
    KERNEL_AVX2,        /* AVX2, FMA */
    KERNEL_AVX512,      /* AVX-512 F, BW, DQ, VL */
    KERNEL_AVX512_BF16, /* and its dot product of bf16 pairs */
    KERNEL_LEVELS
};

struct exec {
    struct pool *pool;
    enum kernel_level level;
};

/* "ref", "avx2", "avx512", "avx512bf16". */
const char *kernel_level_name(enum kernel_level level);

/* The highest that this CPU and its OS can run. */
enum kernel_level kernel_level_best(void);

/* threads 0: one a CPU; level NULL or "auto": the best. Returns 0 or a negative errno (-EINVAL:
 * there is no such level; -ENOTSUP: this CPU lacks it, and the sentence says what). */
int exec_init(struct exec *exec, size_t threads, const char *level, struct err *err);
void exec_done(struct exec *exec);

#endif
