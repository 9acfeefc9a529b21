#include "kernels/cpu/peak.h"

#include "kernels/cpu/vector/vec.h"

/* A multiply-add takes 4 cycles and two begin in each: 8 sums at least, of 16 registers. They are
 * 12 variables, since an array may end up in memory. */
#define SUMS    12
#define EACH(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11)

/* The empty asm stands for a use of every sum, or the compiler would find that all are alike. */
#define KEEP(x) __asm__ volatile("" : "+v"(x))

#define BEGIN(i) vf sum##i = vf_set((float)i);
#define ADD(i)   all = vf_add(all, sum##i);

static float work_f32(size_t turns)
{
    vf factor = vf_set(0.5f), all = vf_set(0);

#define TURN(i)                                                                                    \
    sum##i = vf_fma(sum##i, factor, factor);                                                       \
    KEEP(sum##i);

    EACH(BEGIN)
    for (size_t turn = 0; turn < turns; turn++) {
        EACH(TURN)
    }
    EACH(ADD)
    return vf_sum(all);
#undef TURN
}

#ifdef __AVX512BF16__
static float work_bf16(size_t turns)
{
    __m512bh pairs = (__m512bh)_mm512_set1_epi16(0x3c00);
    vf all = vf_set(0);

#define TURN(i)                                                                                    \
    sum##i = _mm512_dpbf16_ps(sum##i, pairs, pairs);                                               \
    KEEP(sum##i);

    EACH(BEGIN)
    for (size_t turn = 0; turn < turns; turn++) {
        EACH(TURN)
    }
    EACH(ADD)
    return vf_sum(all);
#undef TURN
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
