/* exchange/tensor - tensors as they lie in files: what is there, and numbers to and from ours. */
#ifndef EXCHANGE_TENSOR_H
#define EXCHANGE_TENSOR_H

#include "base/err.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_NAME_MAX 128
#define TENSOR_DIMS_MAX 4
#define TENSORS_MAX     ((size_t)1 << 20)

enum stored { STORED_F32, STORED_F16, STORED_BF16 };

size_t stored_bytes(enum stored type);

/* One in a file; the shape is row-major, its last dimension is the dense one. */
struct tensor {
    char name[TENSOR_NAME_MAX];
    enum stored type;
    size_t dims;
    uint64_t shape[TENSOR_DIMS_MAX]; /* what is beyond the dimensions is 1 */
    size_t file;                     /* which of several */
    uint64_t at, bytes;              /* in the file */
    bool used;
};

struct tensors {
    VEC(struct tensor) list;
};

/* Sort by name. Returns 0 or -EINVAL: a name is there twice. */
int tensors_sort(struct tensors *tensors, struct err *err);
/* NULL: there is none; only when sorted. */
struct tensor *tensors_find(const struct tensors *tensors, const char *name);

/* Items of a shape; false when more than 2^56. */
bool tensor_count(const uint64_t *shape, size_t dims, uint64_t *out);

/* "(8, 128, 512)". */
void tensor_shape_text(const uint64_t *shape, size_t dims, char *out, size_t space);

/* A matrix of ours beside the same in a file, (rows, columns) there; `turned`: ours is (columns,
 * rows). */
struct matrix {
    float *ours;
    size_t rows, columns;
    bool turned;
};

/* `count` rows from `row` on, as `type`, to `out`. Returns 0, or -EINVAL: a number is not finite,
 * or is no longer when it is rounded (*bad: its value, at *bad_row and *bad_column). */
int matrix_store(const struct matrix *matrix, size_t row, size_t count, enum stored type, void *out,
                 float *bad, size_t *bad_row, size_t *bad_column);

/* The same from a file's bytes to ours. */
int matrix_load(const struct matrix *matrix, size_t row, size_t count, enum stored type,
                const void *bytes, float *bad, size_t *bad_row, size_t *bad_column);

#endif
