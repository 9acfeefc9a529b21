/* probe/matrix - a product of matrices that one core keeps in its first two levels of cache. */
#ifndef PROBE_MATRIX_H
#define PROBE_MATRIX_H

#include <stddef.h>
#include <stdint.h>

#define MATRIX_M 48
#define MATRIX_N 48
#define MATRIX_K 128

#define MATRIX_FLOP (2.0 * MATRIX_M * MATRIX_N * MATRIX_K) /* of one product */

/* C = A B in fp32. A lies in panels of some rows, B in panels of some columns, as a level wants
 * them, each panel k after k. */
struct matrix {
    _Alignas(64) float a[MATRIX_M * MATRIX_K];
    _Alignas(64) float b[MATRIX_K * MATRIX_N];
    _Alignas(64) float c[MATRIX_M * MATRIX_N];
};

struct matrix_ops {
    const char *name;
    size_t rows, columns; /* of a panel of A, of B; of a tile of C, which stays in registers */
    void (*multiply)(struct matrix *matrix);
};

/* From the fastest on; what this CPU lacks is left out. */
#define MATRIX_LEVELS 3
size_t matrix_levels(const struct matrix_ops *out[MATRIX_LEVELS]);

/* Whole numbers so small that every level's sums are exact: all cores must find the same. */
void matrix_fill(struct matrix *matrix);
uint64_t matrix_hash(const struct matrix *matrix); /* of C */

#endif
