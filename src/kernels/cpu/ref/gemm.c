/* A matrix product in plain C: an element of C is the sum of its products over k, from the first to
 * the last, each product rounded to fp32 and then each sum. */
#include "kernels/cpu/gemm.h"

enum { ROWS = 4, COLUMNS = 16 };

static void pack(const struct gemm_source *source, size_t lane, size_t lanes, size_t width,
                 size_t k, void *panel, bool round)
{
    struct mat from = mat_of(source->type, (void *)(uintptr_t)source->p, source->ld);
    float *out = panel;

    for (size_t step = 0; step < k; step++)
        for (size_t i = 0; i < width; i++) {
            size_t row = source->across ? step : lane + i;
            size_t column = source->across ? lane + i : step;
            float value = 0;

            if (i < lanes)
                value = mat_get(from, source->rows ? source->rows[row] : row, column);
            *out++ = round ? bf16_to_f32(bf16_from_f32(value)) : value;
        }
}

/* As the types of the inputs say: fp32 as it is, bf16 rounded. */
static void pack_b_f32(const struct gemm_source *source, size_t lane, size_t lanes, size_t width,
                       size_t k, void *panel)
{
    pack(source, lane, lanes, width, k, panel, false);
}

static void pack_b_bf16(const struct gemm_source *source, size_t lane, size_t lanes, size_t width,
                        size_t k, void *panel)
{
    pack(source, lane, lanes, width, k, panel, true);
}

static void pack_a(const struct gemm_source *source, size_t lane, size_t lanes, size_t k,
                   void *panels, size_t stride)
{
    for (size_t i = 0; i < lanes; i += ROWS)
        pack(source, lane + i, lanes - i < ROWS ? lanes - i : ROWS, ROWS, k,
             (char *)panels + i / ROWS * stride, false);
}

static void tile(size_t steps, size_t rows, size_t columns, const void *a, const void *b,
                 const struct mat *c, bool add)
{
    const float *a_step = a, *b_step = b;
    float sum[ROWS][COLUMNS] = {0};

    for (size_t i = 0; add && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            sum[i][j] = mat_get(*c, i, j);
    for (size_t step = 0; step < steps; step++, a_step += ROWS, b_step += COLUMNS)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < COLUMNS; j++)
                sum[i][j] += a_step[i] * b_step[j];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            mat_set(*c, i, j, sum[i][j]);
}

const struct gemm_ops gemm_ops_ref[2] = {
    [DTYPE_F32] = {ROWS, COLUMNS, COLUMNS, 1, pack_b_f32, pack_a, tile},
    [DTYPE_BF16] = {ROWS, COLUMNS, COLUMNS, 1, pack_b_bf16, pack_a, tile},
};
