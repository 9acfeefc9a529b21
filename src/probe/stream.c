#include "probe/stream.h"

#include <immintrin.h>

#define UNROLLED _Pragma("GCC unroll 8")

/* Eight loads come before their eight stores, which keeps more of them under way. */
#define STREAM(level, isa, vector, load, store, any)                                               \
    __attribute__((target(isa))) static unsigned read_##level(const void *from, size_t bytes)      \
    {                                                                                              \
        const vector *p = from;                                                                    \
        vector sums[8] = {0};                                                                      \
                                                                                                   \
        for (size_t i = 0; i < bytes / sizeof(vector); i += 8) {                                   \
            UNROLLED for (size_t k = 0; k < 8; k++) sums[k] |= load(p + i + k);                    \
        }                                                                                          \
        UNROLLED for (size_t k = 1; k < 8; k++) sums[0] |= sums[k];                                \
        return (unsigned)(any);                                                                    \
    }                                                                                              \
                                                                                                   \
    __attribute__((target(isa))) static void copy_##level(void *to, const void *from,              \
                                                          size_t bytes)                            \
    {                                                                                              \
        const vector *p = from;                                                                    \
        vector *q = to;                                                                            \
                                                                                                   \
        for (size_t i = 0; i < bytes / sizeof(vector); i += 8) {                                   \
            vector block[8];                                                                       \
                                                                                                   \
            UNROLLED for (size_t k = 0; k < 8; k++) block[k] = load(p + i + k);                    \
            UNROLLED for (size_t k = 0; k < 8; k++) store(q + i + k, block[k]);                    \
        }                                                                                          \
        _mm_sfence();                                                                              \
    }                                                                                              \
                                                                                                   \
    static const struct stream_ops ops_##level = {#level, read_##level, copy_##level};

STREAM(avx512, "avx512f", __m512i, _mm512_load_si512, _mm512_stream_si512,
       _mm512_test_epi64_mask(sums[0], sums[0]))
STREAM(avx2, "avx2", __m256i, _mm256_load_si256, _mm256_stream_si256, _mm256_movemask_epi8(sums[0]))
STREAM(sse2, "sse2", __m128i, _mm_load_si128, _mm_stream_si128, _mm_movemask_epi8(sums[0]))

size_t stream_levels(const struct stream_ops *out[STREAM_LEVELS])
{
    size_t count = 0;

    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        out[count++] = &ops_avx512;
    if (__builtin_cpu_supports("avx2"))
        out[count++] = &ops_avx2;
    out[count++] = &ops_sse2; /* every x86-64 has it */
    return count;
}
