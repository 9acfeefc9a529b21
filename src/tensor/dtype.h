/* tensor/dtype - how numbers lie in memory, and views of matrices. */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype { DTYPE_F32, DTYPE_BF16 };

static inline size_t dtype_bytes(enum dtype type)
{
    return type == DTYPE_F32 ? 4 : 2;
}

static inline const char *dtype_name(enum dtype type)
{
    return type == DTYPE_F32 ? "fp32" : "bf16";
}

static inline float bf16_to_f32(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof(value));
    return value;
}

/* Rounds to nearest, ties to even, subnormals kept; a NaN stays a (quiet) NaN. */
static inline uint16_t bf16_from_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* A row-major matrix that somebody else owns: element (i, j) is item i * ld + j of `p`. */
struct mat {
    void *p;
    size_t ld; /* items from one row to the next */
    enum dtype type;
};

static inline struct mat mat_of(enum dtype type, void *p, size_t ld)
{
    return (struct mat){p, ld, type};
}

static inline struct mat mat_f32(float *p, size_t ld)
{
    return (struct mat){p, ld, DTYPE_F32};
}

/* The same matrix from row `row` and column `column` on. */
static inline struct mat mat_at(struct mat mat, size_t row, size_t column)
{
    mat.p = (char *)mat.p + (row * mat.ld + column) * dtype_bytes(mat.type);
    return mat;
}

static inline float mat_get(struct mat mat, size_t row, size_t column)
{
    size_t i = row * mat.ld + column;

    return mat.type == DTYPE_F32 ? ((const float *)mat.p)[i]
                                 : bf16_to_f32(((const uint16_t *)mat.p)[i]);
}

static inline void mat_set(struct mat mat, size_t row, size_t column, float value)
{
    size_t i = row * mat.ld + column;

    if (mat.type == DTYPE_F32)
        ((float *)mat.p)[i] = value;
    else
        ((uint16_t *)mat.p)[i] = bf16_from_f32(value);
}

#endif
