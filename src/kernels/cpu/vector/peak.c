#include "kernels/cpu/peak.h"

#include "kernels/cpu/vector/vec.h"

#define SUMS                                                                                       \
    12 /* a multiply-add takes 4 cycles and two begin in each: 8 at least, of 16 registers */

/* The empty asm stands for a use of every sum, or the compiler would find that all are alike. */
#define KEEP(x) __asm__ volatile("" : "+v"(x))

static float work_f32(size_t turns)
{
    vf sums[SUMS], factor = vf_set(0.5f), all;

    for (size_t i = 0; i < SUMS; i++)
        sums[i] = vf_set((float)i);
    for (size_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 12
        for (size_t i = 0; i < SUMS; i++) {
            sums[i] = vf_fma(sums[i], factor, factor);
            KEEP(sums[i]);
        }
    all = sums[0];
    for (size_t i = 1; i < SUMS; i++)
        all = vf_add(all, sums[i]);
    return vf_sum(all);
}

#ifdef __AVX512BF16__
static float work_bf16(size_t turns)
{
    __m512bh pairs = (__m512bh)_mm512_set1_epi16(0x3c00);
    __m512 sums[SUMS], all;

    for (size_t i = 0; i < SUMS; i++)
        sums[i] = _mm512_set1_ps((float)i);
    for (size_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 12
        for (size_t i = 0; i < SUMS; i++) {
            sums[i] = _mm512_dpbf16_ps(sums[i], pairs, pairs);
            KEEP(sums[i]);
        }
    all = sums[0];
    for (size_t i = 1; i < SUMS; i++)
        all = _mm512_add_ps(all, sums[i]);
    return _mm512_reduce_add_ps(all);
}

static float work(enum dtype type, size_t turns)
{
    return type == DTYPE_BF16 ? work_bf16(turns) : work_f32(turns);
}

#define BF16_FLOP (4.0 * VF_LANES * SUMS)
#else
static float work(enum dtype type, size_t turns)
{
    (void)type; /* bf16 is widened to fp32 here */
    return work_f32(turns);
}

#define BF16_FLOP (2.0 * VF_LANES * SUMS)
#endif

const struct peak_ops LEVEL(peak_ops) = {work, {2.0 * VF_LANES * SUMS, BF16_FLOP}};
