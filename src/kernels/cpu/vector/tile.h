/* kernels/cpu/vector/tile - small products whose operands lie in the cache, for attention.
 *
 * Operands are made of units of 32 bits: a float, or, where the CPU multiplies pairs of bf16, two
 * neighbours along the sum (struct units). A sum's order is that of its units. */
#ifndef KERNELS_CPU_VECTOR_TILE_H
#define KERNELS_CPU_VECTOR_TILE_H

#include "kernels/cpu/vector/vec.h"

#include <stdbool.h>

#define TILE_ROWS (VF_LANES / 2) /* of C in registers at a time, and vectors of each */
#define TILE_VECS 2

/* Unit u of row i is at p + i * row + u * unit; strides are in bytes. */
struct units {
    const char *p;
    size_t row, unit;
};

struct product {
    struct units a;
    const float *b; /* unit u of column j: b[u * ldb + j] */
    size_t ldb;
    float *c;
    size_t ldc;
    size_t rows, vecs; /* of C; a row of C and B has whole vectors */
    size_t units;      /* of a sum */
};

enum tile_start {
    TILE_ZERO,   /* C = A B */
    TILE_ADD,    /* C += A B */
    TILE_RESCALE /* C = C times `scale` of the column + A B */
};

/* Are numbers of this type multiplied in pairs here? */
VEC_INLINE bool tile_pairs(enum dtype type)
{
#ifdef __AVX512BF16__
    return type == DTYPE_BF16;
#else
    (void)type;
    return false;
#endif
}

/* All of `rows`, `vecs` and `pairs` are constants: one loop for each. */
VEC_INLINE void tile_block(bool pairs, size_t rows, size_t vecs, const struct product *p, size_t i,
                           size_t j, enum tile_start start, const float *scale)
{
    const char *a = p->a.p + i * p->a.row;
    const float *b = p->b + j * VF_LANES;
    float *c = p->c + i * p->ldc + j * VF_LANES;
    vf sums[TILE_ROWS][TILE_VECS];

    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vecs; v++) {
            sums[r][v] = vf_zero();
            if (start != TILE_ZERO)
                sums[r][v] = vf_load(c + r * p->ldc + v * VF_LANES);
            if (start == TILE_RESCALE)
                sums[r][v] = vf_mul(sums[r][v], vf_load(scale + (j + v) * VF_LANES));
        }
    for (size_t u = 0; u < p->units; u++, a += p->a.unit, b += p->ldb) {
        vf columns[TILE_VECS];

        for (size_t v = 0; v < vecs; v++)
            columns[v] = vf_load(b + v * VF_LANES);
        for (size_t r = 0; r < rows; r++) {
            float unit; /* a pair need not be aligned */
            vf x;

            memcpy(&unit, a + r * p->a.row, sizeof(unit));
            x = vf_set(unit);
            for (size_t v = 0; v < vecs; v++)
                sums[r][v] = vf_multiply(pairs, x, columns[v], sums[r][v]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vecs; v++)
            vf_store(c + r * p->ldc + v * VF_LANES, sums[r][v]);
}

VEC_INLINE void tile_band(bool pairs, size_t rows, const struct product *p, size_t i,
                          enum tile_start start, const float *scale)
{
    size_t j = 0;

    for (; j + TILE_VECS <= p->vecs; j += TILE_VECS)
        tile_block(pairs, rows, TILE_VECS, p, i, j, start, scale);
    for (; j < p->vecs; j++)
        tile_block(pairs, rows, 1, p, i, j, start, scale);
}

/* Rows outside: those of A may lie far apart, and are then read from memory once. */
VEC_INLINE void tile_all(bool pairs, const struct product *p, enum tile_start start,
                         const float *scale)
{
    size_t i = 0;

    for (; i + TILE_ROWS <= p->rows; i += TILE_ROWS)
        tile_band(pairs, TILE_ROWS, p, i, start, scale);
    for (; i + 2 <= p->rows; i += 2)
        tile_band(pairs, 2, p, i, start, scale);
    if (i < p->rows)
        tile_band(pairs, 1, p, i, start, scale);
}

__attribute__((unused)) static void tile_multiply(bool pairs, const struct product *p,
                                                  enum tile_start start, const float *scale)
{
#ifdef __AVX512BF16__
    if (pairs) {
        tile_all(true, p, start, scale);
        return;
    }
#endif
    (void)pairs;
    tile_all(false, p, start, scale);
}

/* A part of a product: rows, vectors of columns, and units of its sums from the first of each pair
 * up to the second. */
struct part {
    size_t rows[2], vecs[2], units[2];
};

VEC_INLINE void tile_multiply_part(bool pairs, const struct product *p, struct part part,
                                   enum tile_start start, const float *scale)
{
    struct product q = *p;

    q.a.p += part.rows[0] * q.a.row + part.units[0] * q.a.unit;
    q.b += part.units[0] * q.ldb + part.vecs[0] * VF_LANES;
    q.c += part.rows[0] * q.ldc + part.vecs[0] * VF_LANES;
    q.rows = part.rows[1] - part.rows[0];
    q.vecs = part.vecs[1] - part.vecs[0];
    q.units = part.units[1] - part.units[0];
    tile_multiply(pairs, &q, start, scale ? scale + part.vecs[0] * VF_LANES : NULL);
}

/* Ask for rows that are needed soon: their distance is too large for the CPU to see a pattern. */
VEC_INLINE void tile_prefetch(struct mat m, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t b = 0; b < columns * dtype_bytes(m.type); b += 64)
            _mm_prefetch((const char *)mat_at(m, i, 0).p + b, _MM_HINT_T0);
}

/* VF_LANES rows of as many floats: x[i] lane j <-> x[j] lane i. */
VEC_INLINE void tile_transpose(vf x[VF_LANES])
{
    vf y[VF_LANES];

#ifdef __AVX512F__
    for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            x[i + 2 * k] = _mm512_shuffle_ps(y[i + k], y[i + k + 2], 0x44);
            x[i + 2 * k + 1] = _mm512_shuffle_ps(y[i + k], y[i + k + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) { /* x[4 g + i]: column 4 l + i of rows 4 g ... in 128-bit lane l */
        y[i] = _mm512_shuffle_f32x4(x[i], x[4 + i], 0x88);
        y[4 + i] = _mm512_shuffle_f32x4(x[i], x[4 + i], 0xdd);
        y[8 + i] = _mm512_shuffle_f32x4(x[8 + i], x[12 + i], 0x88);
        y[12 + i] = _mm512_shuffle_f32x4(x[8 + i], x[12 + i], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        x[i] = _mm512_shuffle_f32x4(y[i], y[8 + i], 0x88);
        x[8 + i] = _mm512_shuffle_f32x4(y[i], y[8 + i], 0xdd);
        x[4 + i] = _mm512_shuffle_f32x4(y[4 + i], y[12 + i], 0x88);
        x[12 + i] = _mm512_shuffle_f32x4(y[4 + i], y[12 + i], 0xdd);
    }
#else
    for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            x[i + 2 * k] = _mm256_shuffle_ps(y[i + k], y[i + k + 2], 0x44);
            x[i + 2 * k + 1] = _mm256_shuffle_ps(y[i + k], y[i + k + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        y[i] = _mm256_permute2f128_ps(x[i], x[4 + i], 0x20);
        y[4 + i] = _mm256_permute2f128_ps(x[i], x[4 + i], 0x31);
    }
    for (int i = 0; i < 8; i++)
        x[i] = y[i];
#endif
}

/* Units u ... of a row of numbers, `count` of them, and 0 beyond. */
VEC_INLINE vf tile_load(enum dtype type, const void *row, size_t u, size_t count)
{
    if (tile_pairs(type))
        return count < VF_LANES ? vf_load_n((const float *)row + u, count)
                                : vf_load((const float *)row + u);
    return vf_get_left(type, row, u, count);
}

/* Without a branch inside, a whole block stays in registers. */
VEC_INLINE void tile_turn_block(enum dtype type, struct mat m, size_t u, size_t width, float *out)
{
    vf x[VF_LANES];

    for (size_t r = 0; r < VF_LANES; r++)
        x[r] = tile_load(type, mat_at(m, r, 0).p, u, VF_LANES);
    tile_transpose(x);
    for (size_t r = 0; r < VF_LANES; r++)
        vf_store(out + (u + r) * width, x[r]);
}

VEC_INLINE void tile_turn_part(enum dtype type, struct mat m, size_t rows, size_t u, size_t units,
                               size_t width, float *out)
{
    vf x[VF_LANES];

    for (size_t r = 0; r < VF_LANES; r++)
        x[r] = r < rows ? tile_load(type, mat_at(m, r, 0).p, u, units - u) : vf_zero();
    tile_transpose(x);
    for (size_t r = 0; r < VF_LANES && u + r < units; r++)
        vf_store(out + (u + r) * width, x[r]);
}

VEC_INLINE void tile_turn(enum dtype type, struct mat m, size_t rows, size_t units, size_t width,
                          float *out)
{
    for (size_t i = 0; i < width; i += VF_LANES)
        for (size_t u = 0; u < units; u += VF_LANES)
            if (i + VF_LANES <= rows && u + VF_LANES <= units)
                tile_turn_block(type, mat_at(m, i, 0), u, width, out + i);
            else
                tile_turn_part(type, mat_at(m, i, 0), rows > i ? rows - i : 0, u, units, width,
                               out + i);
}

/* out[u * width + i] = unit u of row i, for `units` units; rows from `rows` to `width` are 0. */
__attribute__((unused)) static void tile_pack_columns(struct mat m, size_t rows, size_t units,
                                                      size_t width, float *out)
{
    if (m.type == DTYPE_F32)
        tile_turn(DTYPE_F32, m, rows, units, width, out);
    else
        tile_turn(DTYPE_BF16, m, rows, units, width, out);
}

/* Numbers c ... of rows i and i + 1 as pairs, 0 beyond `rows` and `columns`. */
VEC_INLINE vf tile_pair_part(struct mat m, size_t i, size_t rows, size_t c, size_t columns)
{
    size_t left = c < columns ? columns - c : 0, n = left < VF_LANES ? left : VF_LANES;
    vf x = i < rows ? vf_get_n(m.type, mat_at(m, i, 0).p, c, n) : vf_zero();

#ifdef __AVX512BF16__
    if (tile_pairs(m.type)) { /* the first of a pair is the low half */
        __m512i low = _mm512_srli_epi32(_mm512_castps_si512(x), 16);

        x = i + 1 < rows ? vf_get_n(m.type, mat_at(m, i + 1, 0).p, c, n) : vf_zero();
        x = _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(x), low));
    }
#endif
    return x;
}

#ifdef __AVX512BF16__
/* Two rows of 32 numbers as 32 pairs. */
VEC_INLINE void tile_pair_rows(const uint16_t *first, const uint16_t *second, float *out)
{
    const __m512i order =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i behind = _mm512_add_epi16(order, _mm512_set1_epi16(16));
    __m512i a = _mm512_loadu_si512(first), b = _mm512_loadu_si512(second);

    _mm512_storeu_si512(out, _mm512_permutex2var_epi16(a, order, b));
    _mm512_storeu_si512(out + VF_LANES, _mm512_permutex2var_epi16(a, behind, b));
}
#endif

/* Rows as the units of sums over rows: out[u * width + c] = number c of row u, or of rows 2 u and 2
 * u + 1 as a pair; 0 beyond `rows` and beyond `columns`. `width` is a whole number of vectors,
 * `padded` the number of rows to write. */
__attribute__((unused)) static void tile_pack_rows(struct mat m, size_t rows, size_t padded,
                                                   size_t columns, size_t width, float *out)
{
    size_t step = tile_pairs(m.type) ? 2 : 1;

    for (size_t i = 0; i < padded; i += step, out += width) {
        size_t c = 0;

#ifdef __AVX512BF16__
        for (; step == 2 && i + 2 <= rows && c + 2 * VF_LANES <= columns; c += 2 * VF_LANES)
            tile_pair_rows((const uint16_t *)mat_at(m, i, c).p, mat_at(m, i + 1, c).p, out + c);
#endif
        for (; c < width; c += VF_LANES)
            vf_store(out + c, tile_pair_part(m, i, rows, c, columns));
    }
}

/* The rows of m as A: where they lie when they are made of units already, else copied to `copy`. */
VEC_INLINE struct units tile_rows(struct mat m, size_t rows, size_t columns, float *copy)
{
    if (m.type == DTYPE_F32 || tile_pairs(m.type))
        return (struct units){m.p, m.ld * dtype_bytes(m.type), sizeof(float)};
    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < columns; c += VF_LANES) {
            size_t n = columns - c < VF_LANES ? columns - c : VF_LANES;

            vf_store_n(copy + i * columns + c, vf_get_n(m.type, mat_at(m, i, 0).p, c, n), n);
        }
    return (struct units){(const char *)copy, columns * sizeof(float), sizeof(float)};
}

/* What tile_pack_rows made, as A: its columns are A's rows. */
VEC_INLINE struct units tile_turned(const float *packed, size_t width)
{
    return (struct units){(const char *)packed, sizeof(float), width * sizeof(float)};
}

/* Two vectors, rows 2 u and 2 u + 1 of a matrix, rounded to the type of the products: as units to
 * `out`, which is one vector of pairs or two of floats (`width` apart), and, when `rows` is not
 * NULL, as rows `width` numbers apart in the same type that units are made of. */
VEC_INLINE void tile_put_two(enum dtype type, vf first, vf second, float *out, void *rows,
                             size_t width)
{
#ifdef __AVX512BF16__
    if (type == DTYPE_BF16) {
        const __m512i order =
            _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                             22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
        __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);

        _mm512_storeu_ps(out, _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, both)));
        if (rows) {
            _mm256_storeu_si256(rows, _mm512_castsi512_si256(both));
            _mm256_storeu_si256((void *)((uint16_t *)rows + width),
                                _mm512_extracti64x4_epi64(both, 1));
        }
        return;
    }
#endif
    (void)rows; /* the same as `out` */
    if (type == DTYPE_BF16) {
        first = vf_from_bf16(vf_to_bf16(first));
        second = vf_from_bf16(vf_to_bf16(second));
    }
    vf_store(out, first);
    vf_store(out + width, second);
}

#endif
