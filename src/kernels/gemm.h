/* kernels/gemm - matrix products C = A B and C += A B, many in one call.
 *
 * The inputs have type `type` (fp32, or bf16 with fp32 sums); C is fp32 or bf16. Each element of C
 * is one sum over k in an order that depends on k alone: not on m, n, the threads, or on what else
 * is in the list. So a product that is cut at an even k and accumulated has the bits of the whole.
 */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include "kernels/exec.h"

#include <stdbool.h>

/* Bytes of B (k, n) when packed: a multiple of 64, so that what follows it is aligned too. */
size_t gemm_packed_bytes(const struct exec *exec, enum dtype type, size_t k, size_t n);

/* Pack B (k, n), which is fp32 in memory, as `type`. `b` is (k, n) with rows of ldb, or, when
 * `transposed`, (n, k) with rows of ldb. `packed` is aligned to 64 bytes. */
void gemm_pack(const struct exec *exec, enum dtype type, size_t k, size_t n, const float *b,
               size_t ldb, bool transposed, void *packed);

struct gemm {
    size_t m, n, k; /* any may be 0; k 0 without accumulate makes C zero */
    const void *a;  /* (m, k) with rows of lda; when a_transposed: (k, m) with rows of lda */
    size_t lda;
    bool a_transposed;
    const uint32_t *a_rows; /* row i of what lies at `a` is its row a_rows[i]; NULL: i */
    const void *b;          /* packed by gemm_pack when b_packed, else (k, n) as it lies */
    bool b_packed;
    size_t ldb;        /* of a B that is not packed, which is ... */
    bool b_transposed; /* ... (n, k) in memory, */
    bool b_wide;       /* and fp32 whatever `type` is: it is rounded */
    struct mat c;      /* (m, n) */
    bool accumulate;   /* C += A B, each sum begins with what is in C; C is fp32 */
};

/* What a list of products mostly takes of the pool's scratch, all threads together, at most. */
size_t gemm_scratch_bytes(const struct exec *exec);

/* Uses the pool's scratch: what a caller keeps there is lost. Products of one list must not write
 * what another reads or writes. */
void gemm_run(const struct exec *exec, enum dtype type, const struct gemm *list, size_t count);

#endif
