#include "exchange/tensor.h"

#include "tensor/dtype.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define COUNT_MAX ((uint64_t)1 << 56)

size_t stored_bytes(enum stored type)
{
    return type == STORED_F32 ? 4 : 2;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

int tensors_sort(struct tensors *tensors, struct err *err)
{
    if (tensors->list.count == 0)
        return 0;
    qsort(tensors->list.items, tensors->list.count, sizeof(*tensors->list.items), by_name);
    for (size_t i = 1; i < tensors->list.count; i++)
        if (strcmp(tensors->list.items[i].name, tensors->list.items[i - 1].name) == 0)
            return err_set(err, -EINVAL, "the tensor %s is there twice",
                           tensors->list.items[i].name);
    return 0;
}

struct tensor *tensors_find(const struct tensors *tensors, const char *name)
{
    size_t low = 0, high = tensors->list.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, tensors->list.items[middle].name);

        if (order == 0)
            return &tensors->list.items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool tensor_count(const uint64_t *shape, size_t dims, uint64_t *out)
{
    uint64_t count = 1;

    for (size_t i = 0; i < dims; i++) {
        if (shape[i] != 0 && count > COUNT_MAX / shape[i])
            return false;
        count *= shape[i];
    }
    *out = count;
    return true;
}

void tensor_shape_text(const uint64_t *shape, size_t dims, char *out, size_t space)
{
    size_t at = (size_t)snprintf(out, space, "(");

    for (size_t i = 0; i < dims && at < space; i++)
        at += (size_t)snprintf(out + at, space - at, "%s%" PRIu64, i ? ", " : "", shape[i]);
    if (at < space)
        (void)snprintf(out + at, space - at, ")");
}

static float f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff, bits;
    float value;

    if (exponent == 0) /* subnormal: a multiple of 2^-24 */
        return sign ? -(float)fraction * 0x1p-24f : (float)fraction * 0x1p-24f;
    bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float load(enum stored type, const void *bytes, size_t index)
{
    uint16_t half;
    float value;

    if (type == STORED_F32) {
        memcpy(&value, (const char *)bytes + index * sizeof(value), sizeof(value));
        return value;
    }
    memcpy(&half, (const char *)bytes + index * sizeof(half), sizeof(half));
    return type == STORED_BF16 ? bf16_to_f32(half) : f16_to_f32(half);
}

/* What it becomes; ours go out as fp32 and bf16 alone. */
static float store(enum stored type, void *out, size_t index, float value)
{
    uint16_t half;

    if (type == STORED_F32) {
        memcpy((char *)out + index * sizeof(value), &value, sizeof(value));
        return value;
    }
    half = bf16_from_f32(value);
    memcpy((char *)out + index * sizeof(half), &half, sizeof(half));
    return bf16_to_f32(half);
}

static float *place(const struct matrix *matrix, size_t row, size_t column)
{
    return &matrix->ours[matrix->turned ? column * matrix->rows + row
                                        : row * matrix->columns + column];
}

/* A turned matrix is gone through in squares, which stay in the cache. */
#define TILE 32

#define EACH_IN_TILES(matrix, first, count, r, c)                                                  \
    for (size_t r##_tile = 0; r##_tile < (count); r##_tile += TILE)                                \
        for (size_t c##_tile = 0; c##_tile < (matrix)->columns; c##_tile += TILE)                  \
            for (size_t r = r##_tile; r < (count) && r < r##_tile + TILE; r++)                     \
                for (size_t c = c##_tile; c < (matrix)->columns && c < c##_tile + TILE; c++)

int matrix_store(const struct matrix *matrix, size_t row, size_t count, enum stored type, void *out,
                 float *bad, size_t *bad_row, size_t *bad_column)
{
    EACH_IN_TILES(matrix, row, count, r, c)
    {
        float value = *place(matrix, row + r, c);

        if (!isfinite(store(type, out, r * matrix->columns + c, value))) {
            *bad = value;
            *bad_row = row + r;
            *bad_column = c;
            return -EINVAL;
        }
    }
    return 0;
}

int matrix_load(const struct matrix *matrix, size_t row, size_t count, enum stored type,
                const void *bytes, float *bad, size_t *bad_row, size_t *bad_column)
{
    EACH_IN_TILES(matrix, row, count, r, c)
    {
        float value = load(type, bytes, r * matrix->columns + c);

        if (!isfinite(value)) {
            *bad = value;
            *bad_row = row + r;
            *bad_column = c;
            return -EINVAL;
        }
        *place(matrix, row + r, c) = value;
    }
    return 0;
}
