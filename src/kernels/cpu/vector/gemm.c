/* Tiles of ROWS x VECTORS registers. A step loads the vectors of B once and multiplies each with a
 * number of A that is spread over all lanes: on AVX-512 24 products for 11 loads. */
#include "kernels/cpu/gemm.h"

#include "kernels/cpu/vector/vec.h"

#include <stdbool.h>

#ifdef __AVX512F__
enum { ROWS = 8, VECTORS = 3 };
#else
enum { ROWS = 6, VECTORS = 2 };
#endif

#define AHEAD     12 /* rows between the one that is copied and the one that is fetched */
#define K_AT_ONCE 64 /* rows of a transposed A whose next lines stay near; even, for pairs */

/* Lanes of A that are copied from each of these rows in turn: on AVX-512 one cache line of bf16. */
enum { PANELS = VF_LANES / ROWS, GROUP = 4 * ROWS };

/* How what lies in memory becomes units. */
enum kind {
    COPY,       /* fp32 */
    ROUND,      /* fp32, as bf16 in an fp32 */
    WIDEN,      /* bf16, as fp32 */
    PAIR_ROUND, /* fp32, as pairs of bf16 */
    PAIR,       /* bf16, as pairs */
};

VEC_INLINE size_t step_of(enum kind kind)
{
    return kind >= PAIR_ROUND ? 2 : 1;
}

VEC_INLINE enum dtype type_of(enum kind kind)
{
    return kind == WIDEN || kind == PAIR ? DTYPE_BF16 : DTYPE_F32;
}

static const char *row_of(const struct gemm_source *source, size_t row)
{
    return (const char *)source->p +
           (source->rows ? source->rows[row] : row) * source->ld * dtype_bytes(source->type);
}

/* ---- panels whose lanes lie beside each other ---- */

/* Lanes of one k, as fp32. */
VEC_INLINE vf lanes_of(enum kind kind, const void *row, size_t lane, size_t lanes)
{
    vf x = lanes == VF_LANES ? vf_get(type_of(kind), row, lane)
                             : vf_get_n(type_of(kind), row, lane, lanes);

    return kind == ROUND || kind == PAIR_ROUND ? vf_from_bf16(vf_to_bf16(x)) : x;
}

/* Both are bf16 in an fp32. */
VEC_INLINE vf pair_up(vf first, vf second)
{
#ifdef __AVX512F__
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(first), 16),
                                               _mm512_castps_si512(second)));
#else
    return _mm256_or_ps(_mm256_castsi256_ps(_mm256_srli_epi32(_mm256_castps_si256(first), 16)),
                        second);
#endif
}

/* Lanes of a step as units, those beyond `have` 0. `next` NULL: k ends with half a pair. */
VEC_INLINE vf units_across(enum kind kind, const char *row, const char *next, size_t lane,
                           size_t have)
{
    vf x = lanes_of(kind, row, lane, have);

    if (step_of(kind) == 1)
        return x;
    return pair_up(x, next ? lanes_of(kind, next, lane, have) : vf_zero());
}

/* The second row of a pair. */
VEC_INLINE const char *next_row(enum kind kind, const struct gemm_source *source, size_t row,
                                size_t k)
{
    return step_of(kind) > 1 && row + 1 < k ? row_of(source, row + 1) : NULL;
}

VEC_INLINE void fetch(const char *p, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        _mm_prefetch(p + at, _MM_HINT_T0);
}

VEC_INLINE void pack_across(enum kind kind, const struct gemm_source *source, size_t lane,
                            size_t lanes, size_t width, size_t k, float *panel)
{
    size_t size = dtype_bytes(type_of(kind));

    for (size_t first = 0; first < k; first += step_of(kind), panel += width) {
        const char *row = row_of(source, first), *next = next_row(kind, source, first, k);

        for (size_t i = first + AHEAD; i < first + AHEAD + step_of(kind) && i < k; i++)
            fetch(row_of(source, i) + lane * size, lanes * size);
        for (size_t i = 0; i < width; i += VF_LANES) {
            size_t have = i >= lanes ? 0 : lanes - i < VF_LANES ? lanes - i : VF_LANES;

            vf_store(panel + i, units_across(kind, row, next, lane + i, have));
        }
    }
}

/* 8 lanes of a step, or as many as a panel of A has: a masked store is slow on AMD's CPUs. */
VEC_INLINE void store_lanes(float *panel, __m256 x, size_t width)
{
    if (width == 8) {
        _mm256_storeu_ps(panel, x);
    } else {
        _mm_storeu_ps(panel, _mm256_castps256_ps128(x));
        _mm_storel_pi((__m64 *)(panel + 4), _mm256_extractf128_ps(x, 1));
    }
}

/* A vector of units into the panels of A that it holds a step of, `count` of them. */
VEC_INLINE void store_step(float *panel, size_t stride, vf x, size_t count)
{
#ifdef __AVX512F__
    store_lanes(panel, _mm512_castps512_ps256(x), ROWS);
    if (count > 1)
        store_lanes(panel + stride, _mm512_extractf32x8_ps(x, 1), ROWS);
#else
    (void)stride;
    (void)count;
    store_lanes(panel, x, ROWS);
#endif
}

/* One step of a group of lanes. */
VEC_INLINE void pack_group(enum kind kind, const char *row, const char *next, size_t lane,
                           size_t lanes, float *panel, size_t stride)
{
    if (lanes >= GROUP - PANELS * ROWS + VF_LANES) { /* no vector reads beyond the last lane */
        for (size_t i = 0; i < GROUP; i += PANELS * ROWS, panel += PANELS * stride)
            store_step(panel, stride, units_across(kind, row, next, lane + i, VF_LANES), PANELS);
        return;
    }
    for (size_t i = 0; i < GROUP && i < lanes; i += PANELS * ROWS, panel += PANELS * stride)
        store_step(
            panel, stride,
            units_across(kind, row, next, lane + i, lanes - i < VF_LANES ? lanes - i : VF_LANES),
            (lanes - i + ROWS - 1) / ROWS);
}

/* Rows are far from each other, and what a group takes of one is a cache line or two. So while a
 * group is copied, the lines that are next in its rows are fetched. */
VEC_INLINE void pack_groups(enum kind kind, const struct gemm_source *source, size_t lane,
                            size_t lanes, size_t k, float *panels, size_t stride)
{
    size_t size = dtype_bytes(type_of(kind));

    for (size_t begin = 0; begin < k; begin += K_AT_ONCE)
        for (size_t group = 0; group < lanes; group += GROUP)
            for (size_t i = begin; i < begin + K_AT_ONCE && i < k; i += step_of(kind)) {
                const char *row = row_of(source, i), *next = next_row(kind, source, i, k);

                for (size_t j = i; j < i + step_of(kind) && j < k; j++)
                    if (group + GROUP < lanes)
                        fetch(row_of(source, j) + (lane + group + GROUP) * size, GROUP * size);
                    else if (j + K_AT_ONCE < k)
                        fetch(row_of(source, j + K_AT_ONCE) + lane * size, GROUP * size);
                pack_group(kind, row, next, lane + group, lanes - group,
                           panels + group / ROWS * stride + i / step_of(kind) * ROWS, stride);
            }
}

/* ---- panels whose lanes are rows, 8 by 8 ---- */

/* 8 units that lie at p. */
VEC_INLINE __m256 units_at(enum kind kind, const void *p)
{
    if (kind == WIDEN)
        return _mm256_castsi256_ps(
            _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
    if (kind == COPY || kind == PAIR)
        return _mm256_loadu_ps(p);
#ifdef __AVX512F__
    if (kind == PAIR_ROUND)
        return _mm256_castsi256_ps(vf_to_bf16(vf_load(p)));
    return _mm512_castps512_ps256(vf_from_bf16(vf_to_bf16(vf_load_n(p, 8))));
#else
    return vf_from_bf16(vf_to_bf16(vf_load(p)));
#endif
}

/* 8 rows of 8 units become 8 steps of 8 lanes. */
VEC_INLINE void transpose(__m256 x[8])
{
    __m256 y[8];

    for (int i = 0; i < 8; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            x[i + 2 * j] = _mm256_shuffle_ps(y[i + j], y[i + j + 2], 0x44);
            x[i + 2 * j + 1] = _mm256_shuffle_ps(y[i + j], y[i + j + 2], 0xee);
        }
    for (int i = 0; i < 4; i++) {
        y[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
        y[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++)
        x[i] = y[i];
}

/* A block of 8 steps in which something is missing: lanes beyond the source, or k beyond its end.
 */
VEC_INLINE void load_part(enum kind kind, const char *const rows[8], size_t lanes, size_t at,
                          size_t bytes, __m256 x[8])
{
    for (size_t i = 0; i < 8; i++) {
        char part[16 * sizeof(float)] = {0};

        if (i < lanes)
            memcpy(part, rows[i] + at, bytes);
        x[i] = units_at(kind, part);
    }
}

/* Up to 8 lanes of the panel, `width` of them to be written. */
VEC_INLINE void pack_rows(enum kind kind, const struct gemm_source *source, size_t lane,
                          size_t lanes, size_t width, size_t stride, size_t k, float *panel)
{
    size_t size = dtype_bytes(type_of(kind)), units = 8 * step_of(kind), first = 0, steps;
    const char *rows[8];
    __m256 x[8];

    for (size_t i = 0; i < 8; i++)
        rows[i] = row_of(source, lane + (i < lanes ? i : 0));
    for (; lanes == width && first + units <= k; first += units, panel += 8 * stride) {
        for (size_t i = 0; i < 8; i++)
            x[i] = units_at(kind, rows[i] + first * size);
        transpose(x);
        for (size_t i = 0; i < 8; i++)
            store_lanes(panel + i * stride, x[i], width);
    }
    for (; first < k; first += units, panel += 8 * stride) {
        size_t have = k - first < units ? k - first : units;

        load_part(kind, rows, lanes, first * size, have * size, x);
        transpose(x);
        steps = (have + step_of(kind) - 1) / step_of(kind);
        for (size_t i = 0; i < steps; i++)
            store_lanes(panel + i * stride, x[i], width);
    }
}

VEC_INLINE void pack_panel(enum kind kind, const struct gemm_source *source, size_t lane,
                           size_t lanes, size_t width, size_t k, float *panel)
{
    if (source->across) {
        pack_across(kind, source, lane, lanes, width, k, panel);
        return;
    }
    for (size_t i = 0; i < width; i += 8) {
        size_t have = i >= lanes ? 0 : lanes - i < 8 ? lanes - i : 8;

        pack_rows(kind, source, lane + i, have, 8, width, k, panel + i);
    }
}

VEC_INLINE void pack_panels(enum kind kind, const struct gemm_source *source, size_t lane,
                            size_t lanes, size_t k, float *panels, size_t stride)
{
    if (source->across) {
        pack_groups(kind, source, lane, lanes, k, panels, stride);
        return;
    }
    for (size_t i = 0; i < lanes; i += ROWS, panels += stride)
        pack_rows(kind, source, lane + i, lanes - i < ROWS ? lanes - i : ROWS, ROWS, ROWS, k,
                  panels);
}

#define PACK(name, kind)                                                                           \
    static void pack_b_##name(const struct gemm_source *source, size_t lane, size_t lanes,         \
                              size_t width, size_t k, void *panel)                                 \
    {                                                                                              \
        pack_panel(kind, source, lane, lanes, width, k, panel);                                    \
    }                                                                                              \
    static void pack_a_##name(const struct gemm_source *source, size_t lane, size_t lanes,         \
                              size_t k, void *panels, size_t stride)                               \
    {                                                                                              \
        pack_panels(kind, source, lane, lanes, k, panels, stride / sizeof(float));                 \
    }

#ifdef __AVX512BF16__
enum { STEP_OF_BF16 = 2 };
#define FROM_BF16 PAIR
#define FROM_F32  PAIR_ROUND
#else
enum { STEP_OF_BF16 = 1 };
#define FROM_BF16 WIDEN
#define FROM_F32  ROUND
#endif

PACK(f32, COPY)
PACK(bf16, FROM_BF16)

/* Weights come as fp32. */
static void pack_b_to_bf16(const struct gemm_source *source, size_t lane, size_t lanes,
                           size_t width, size_t k, void *panel)
{
    if (source->type == DTYPE_BF16)
        pack_b_bf16(source, lane, lanes, width, k, panel);
    else
        pack_panel(FROM_F32, source, lane, lanes, width, k, panel);
}

/* ---- tiles ---- */

VEC_INLINE void put(bool pairs, enum dtype type, void *p, vf x, size_t columns)
{
#ifdef __AVX512BF16__
    if (pairs && type == DTYPE_BF16) { /* these sums are never subnormal: the same as vf_to_bf16 */
        if (columns == VF_LANES)
            _mm256_storeu_si256(p, (__m256i)_mm512_cvtneps_pbh(x));
        else
            _mm256_mask_storeu_epi16(p, vm_first(columns), (__m256i)_mm512_cvtneps_pbh(x));
        return;
    }
#endif
    (void)pairs;
    vf_put_left(type, p, 0, x, columns);
}

/* A loop over sums, unrolled before the compiler decides what lies in registers. */
#ifdef __clang__
#define EACH_SUM(i, count) _Pragma("unroll") for (size_t i = 0; i < (count); i++)
#else
#define EACH_SUM(i, count) _Pragma("GCC unroll 8") for (size_t i = 0; i < (count); i++)
#endif

/* Out of line, so that it is there once. */
__attribute__((noinline)) static void write_part(bool pairs, size_t rows, size_t columns,
                                                 const vf sums[][VECTORS], const struct mat *c)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j * VF_LANES < columns; j++) {
            size_t left = columns - j * VF_LANES;

            put(pairs, c->type, mat_at(*c, i, j * VF_LANES).p, sums[i][j],
                left < VF_LANES ? left : VF_LANES);
        }
}

VEC_INLINE void write_tile(bool pairs, enum dtype type, size_t rows, size_t vectors,
                           const vf sums[][VECTORS], char *p, size_t stride)
{
    EACH_SUM (i, rows)
        EACH_SUM (j, vectors)
            put(pairs, type, p + i * stride + j * VF_LANES * dtype_bytes(type), sums[i][j],
                VF_LANES);
}

VEC_INLINE void tile(bool pairs, size_t rows, size_t vectors, size_t steps, size_t columns,
                     const float *a, const float *b, const struct mat *c, bool add)
{
    size_t stride = c->ld * dtype_bytes(c->type), bytes = columns * dtype_bytes(c->type);
    const char *far = (const char *)c->p + (add ? ROWS * stride : 0);
    vf sum[ROWS][VECTORS];

    /* Fetched while sums are made: what is written, or what the tile below this one begins with. */
    for (size_t i = 0; i < rows; i++, far += stride) {
        fetch(far, bytes);
        _mm_prefetch(far + bytes - 1, _MM_HINT_T0);
    }
    EACH_SUM (i, rows)
        EACH_SUM (j, vectors)
            sum[i][j] = !add ? vf_zero()
                             : vf_get_left(DTYPE_F32, (const float *)c->p + i * c->ld, j * VF_LANES,
                                           columns - j * VF_LANES);
    do {
        vf at[VECTORS];

        EACH_SUM (j, vectors)
            at[j] = vf_load(b + j * VF_LANES);
        EACH_SUM (i, rows) {
            vf x = vf_set(a[i]);

            EACH_SUM (j, vectors)
                sum[i][j] = vf_multiply(pairs, x, at[j], sum[i][j]);
        }
        a += ROWS;
        b += vectors * VF_LANES;
    } while (--steps);
    if (columns < vectors * VF_LANES) {
        vf part[ROWS][VECTORS]; /* the sums themselves have no address: they stay in registers */

        EACH_SUM (i, rows)
            EACH_SUM (j, vectors)
                part[i][j] = sum[i][j];
        write_part(pairs, rows, columns, part, c);
    } else if (c->type == DTYPE_BF16)
        write_tile(pairs, DTYPE_BF16, rows, vectors, sum, c->p, stride);
    else
        write_tile(pairs, DTYPE_F32, rows, vectors, sum, c->p, stride);
}

typedef void tile_function(size_t steps, size_t columns, const float *a, const float *b,
                           const struct mat *c, bool add);

#define TILE(pairs, rows, vectors)                                                                 \
    static void tile_##pairs##_##rows##_##vectors(size_t steps, size_t columns, const float *a,    \
                                                  const float *b, const struct mat *c, bool add)   \
    {                                                                                              \
        tile(pairs, rows, vectors, steps, columns, a, b, c, add);                                  \
    }

#ifdef __AVX512F__
#define VECTORS_EACH(F, pairs, rows) F(pairs, rows, 1) F(pairs, rows, 2) F(pairs, rows, 3)
#define ROWS_EACH(F, G, pairs)                                                                     \
    G(F, pairs, 1)                                                                                 \
    G(F, pairs, 2)                                                                                 \
    G(F, pairs, 3) G(F, pairs, 4) G(F, pairs, 5) G(F, pairs, 6) G(F, pairs, 7) G(F, pairs, 8)
#else
#define VECTORS_EACH(F, pairs, rows) F(pairs, rows, 1) F(pairs, rows, 2)
#define ROWS_EACH(F, G, pairs)                                                                     \
    G(F, pairs, 1) G(F, pairs, 2) G(F, pairs, 3) G(F, pairs, 4) G(F, pairs, 5) G(F, pairs, 6)
#endif
#define NAME(pairs, rows, vectors)    tile_##pairs##_##rows##_##vectors,
#define NAMES_OF_ROWS(F, pairs, rows) {VECTORS_EACH(F, pairs, rows)},

ROWS_EACH(TILE, VECTORS_EACH, 0)

static void tile_f32(size_t steps, size_t rows, size_t columns, const void *a, const void *b,
                     const struct mat *c, bool add)
{
    static tile_function *const tiles[ROWS][VECTORS] = {ROWS_EACH(NAME, NAMES_OF_ROWS, 0)};

    tiles[rows - 1][(columns - 1) / VF_LANES](steps, columns, a, b, c, add);
}

#ifdef __AVX512BF16__
ROWS_EACH(TILE, VECTORS_EACH, 1)

static void tile_bf16(size_t steps, size_t rows, size_t columns, const void *a, const void *b,
                      const struct mat *c, bool add)
{
    static tile_function *const tiles[ROWS][VECTORS] = {ROWS_EACH(NAME, NAMES_OF_ROWS, 1)};

    tiles[rows - 1][(columns - 1) / VF_LANES](steps, columns, a, b, c, add);
}
#else
#define tile_bf16 tile_f32
#endif

const struct gemm_ops LEVEL(gemm_ops)[2] = {
    [DTYPE_F32] = {ROWS, VECTORS *VF_LANES, VF_LANES, 1, pack_b_f32, pack_a_f32, tile_f32},
    [DTYPE_BF16] = {ROWS, VECTORS *VF_LANES, VF_LANES, STEP_OF_BF16, pack_b_to_bf16, pack_a_bf16,
                    tile_bf16},
};
