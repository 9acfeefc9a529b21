#include "probe/matrix.h"

#include "base/hash.h"

#include <immintrin.h>

#define UNROLLED _Pragma("GCC unroll 8")

/* A tile of C is `rows` by `vectors`: at each k so many vectors of B and numbers of A are loaded
 * for rows * vectors multiply-adds. The tile, a row of B and one number of A are as many registers
 * as the level has; the sums, two a cycle, must outnumber the 8 that are under way. */
#define MATRIX(level, isa, vector, tile_rows, vectors, load, store, spread, multiply_add)          \
    __attribute__((target(isa))) static inline void tile_##level(const float *a, const float *b,   \
                                                                 float *c)                         \
    {                                                                                              \
        enum { LANES = sizeof(vector) / sizeof(float) };                                           \
        vector sum[tile_rows][vectors] = {0};                                                      \
                                                                                                   \
        for (size_t k = 0; k < MATRIX_K; k++, a += tile_rows, b += vectors * LANES) {              \
            vector of_b[vectors];                                                                  \
                                                                                                   \
            UNROLLED for (size_t j = 0; j < vectors; j++) of_b[j] = load(b + j * LANES);           \
            UNROLLED for (size_t i = 0; i < tile_rows; i++)                                        \
            {                                                                                      \
                vector of_a = spread(a[i]);                                                        \
                UNROLLED for (size_t j = 0; j < vectors; j++) sum[i][j] =                          \
                    multiply_add(of_a, of_b[j], sum[i][j]);                                        \
            }                                                                                      \
        }                                                                                          \
        UNROLLED for (size_t i = 0; i < tile_rows; i++)                                            \
        {                                                                                          \
            UNROLLED for (size_t j = 0; j < vectors; j++)                                          \
                store(c + i * MATRIX_N + j * LANES, sum[i][j]);                                    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    __attribute__((target(isa))) static void multiply_##level(struct matrix *matrix)               \
    {                                                                                              \
        enum { COLUMNS = vectors * sizeof(vector) / sizeof(float) };                               \
                                                                                                   \
        for (size_t n = 0; n < MATRIX_N; n += COLUMNS)                                             \
            for (size_t m = 0; m < MATRIX_M; m += tile_rows)                                       \
                tile_##level(matrix->a + m * MATRIX_K, matrix->b + n * MATRIX_K,                   \
                             matrix->c + m * MATRIX_N + n);                                        \
    }                                                                                              \
                                                                                                   \
    static const struct matrix_ops ops_##level = {                                                 \
        #level, tile_rows, vectors * sizeof(vector) / sizeof(float), multiply_##level};

#define MULTIPLY_ADD_128(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)

MATRIX(avx512, "avx512f", __m512, 8, 3, _mm512_load_ps, _mm512_store_ps, _mm512_set1_ps,
       _mm512_fmadd_ps)
MATRIX(avx2, "avx2,fma", __m256, 6, 2, _mm256_load_ps, _mm256_store_ps, _mm256_set1_ps,
       _mm256_fmadd_ps)
MATRIX(sse2, "sse2", __m128, 4, 3, _mm_load_ps, _mm_store_ps, _mm_set1_ps, MULTIPLY_ADD_128)

size_t matrix_levels(const struct matrix_ops *out[MATRIX_LEVELS])
{
    size_t count = 0;

    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        out[count++] = &ops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[count++] = &ops_avx2;
    out[count++] = &ops_sse2; /* every x86-64 has it */
    return count;
}

void matrix_fill(struct matrix *matrix)
{
    for (size_t i = 0; i < MATRIX_M * MATRIX_K; i++)
        matrix->a[i] = (float)(i * 7 % 31) - 15;
    for (size_t i = 0; i < MATRIX_K * MATRIX_N; i++)
        matrix->b[i] = (float)(i * 5 % 29) - 14;
}

uint64_t matrix_hash(const struct matrix *matrix)
{
    return hash64(matrix->c, sizeof(matrix->c));
}
