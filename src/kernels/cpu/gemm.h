/* kernels/cpu/gemm - the inner parts of a matrix product, at each level.
 *
 * Both inputs are copied into panels before they are multiplied. A panel is a few rows of A, or a
 * few columns of B, with all of k: for each step of k, in order, one unit of 4 bytes for each of
 * its lanes. A unit is an fp32 number, and a step is one k; or, where the CPU multiplies pairs of
 * bf16, it is such a pair, and a step is two. A pair that k leaves half empty holds a zero. */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include "kernels/exec.h"

#include <stdbool.h>

#define GEMM_UNIT 4 /* bytes */

/* What a panel is copied from. */
struct gemm_source {
    const void *p;
    size_t ld;
    const uint32_t *rows; /* row i is that at p + rows[i] * ld; NULL: i */
    bool across;          /* a row holds one k of all lanes; else one lane, all of its k */
    enum dtype type;
};

struct gemm_ops {
    size_t rows, columns; /* of the largest tile of C */
    size_t align;         /* columns of a panel of B are a multiple of this */
    size_t step;          /* k of a unit: 1 or 2 */

    /* Lanes [lane, lane + lanes) of the source as a panel of B, `width` >= lanes wide; the rest
     * zeros. */
    void (*pack_b)(const struct gemm_source *source, size_t lane, size_t lanes, size_t width,
                   size_t k, void *panel);

    /* The same as panels of A: each ops->rows wide, `stride` bytes from one to the next. */
    void (*pack_a)(const struct gemm_source *source, size_t lane, size_t lanes, size_t k,
                   void *panels, size_t stride);

    /* C (rows, columns) = A B, where a is a panel of A, and b one of `columns` rounded up to
     * ops->align; steps > 0. With `add` each sum begins with what is in C, which is fp32. */
    void (*tile)(size_t steps, size_t rows, size_t columns, const void *a, const void *b,
                 const struct mat *c, bool add);
};

/* By the type of the inputs. */
extern const struct gemm_ops gemm_ops_ref[2];
extern const struct gemm_ops gemm_ops_avx2[2];
extern const struct gemm_ops gemm_ops_avx512[2];
extern const struct gemm_ops gemm_ops_avx512bf16[2];

#endif
