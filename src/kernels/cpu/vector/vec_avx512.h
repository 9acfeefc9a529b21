/* kernels/cpu/vector/vec_avx512 - what vec.h builds on, with 16 lanes. Included by vec.h alone. */
#ifndef KERNELS_CPU_VECTOR_VEC_AVX512_H
#define KERNELS_CPU_VECTOR_VEC_AVX512_H

#define VF_LANES 16
#define VD_LANES 8

typedef __m512 vf;    /* floats: a typedef, since every level has its own type */
typedef __m512d vd;   /* doubles */
typedef __mmask16 vm; /* one yes or no a lane */

VEC_INLINE vf vf_set(float x)
{
    return _mm512_set1_ps(x);
}

/* The first n lanes, n <= VF_LANES. */
VEC_INLINE vm vm_first(size_t n)
{
    return (vm)((1u << n) - 1);
}

VEC_INLINE vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* n items, and 0 in the lanes beyond; nothing beyond is touched. */
VEC_INLINE vf vf_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vm_first(n), p);
}

VEC_INLINE void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}

VEC_INLINE void vf_store_n(float *p, vf x, size_t n)
{
    _mm512_mask_storeu_ps(p, vm_first(n), x);
}

/* Past the caches; p is aligned to the vector. */
VEC_INLINE void vf_stream(float *p, vf x)
{
    _mm512_stream_ps(p, x);
}

VEC_INLINE vf vf_from_bf16(__m256i bits)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* As bf16_from_f32, subnormals too: the instruction for it makes them 0, so it does the others. */
VEC_INLINE __m256i vf_to_bf16(vf x)
{
#ifdef __AVX512BF16__
    if (__builtin_expect(_mm512_fpclass_ps_mask(x, 0x20) == 0, 1))
        return (__m256i)_mm512_cvtneps_pbh(x);
#endif
    __m512i bits = _mm512_castps_si512(x), high = _mm512_srli_epi32(bits, 16), odd, up;

    odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
    up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    up = _mm512_srli_epi32(up, 16);
    up = _mm512_mask_or_epi32(up, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), high,
                              _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(up);
}

VEC_INLINE vf vf_load_bf16(const uint16_t *p)
{
    return vf_from_bf16(_mm256_loadu_si256((const __m256i *)p));
}

VEC_INLINE vf vf_load_bf16_n(const uint16_t *p, size_t n)
{
    return vf_from_bf16(_mm256_maskz_loadu_epi16(vm_first(n), p));
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((__m256i *)p, vf_to_bf16(x));
}

VEC_INLINE void vf_store_bf16_n(uint16_t *p, vf x, size_t n)
{
    _mm256_mask_storeu_epi16(p, vm_first(n), vf_to_bf16(x));
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

VEC_INLINE vf vf_sqrt(vf x)
{
    return _mm512_sqrt_ps(x);
}

/* a b + c, rounded once */
VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* c - a b, rounded once */
VEC_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* The larger, the smaller. Where a lane of either is NaN, b's: vf_max(bound, x) keeps x's NaN. */
VEC_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

VEC_INLINE vf vf_abs(vf x)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), x);
}

VEC_INLINE vf vf_neg(vf x)
{
    return _mm512_xor_ps(_mm512_set1_ps(-0.0f), x);
}

/* |x| with the sign of `sign`; x is not negative. */
VEC_INLINE vf vf_copysign(vf x, vf sign)
{
    return _mm512_or_ps(x, _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
}

/* To the nearest integer, ties to even. */
VEC_INLINE vf vf_round(vf x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_INLINE vm vm_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* yes where m, else no */
VEC_INLINE vf vf_select(vm m, vf yes, vf no)
{
    return _mm512_mask_blend_ps(m, no, yes);
}

/* x 2^n for integers n in [-252, 252], rounded once. */
VEC_INLINE vf vf_scale2(vf x, vf n)
{
    return _mm512_scalef_ps(x, n);
}

/* 2^n for integers n in [-126, 127]. */
VEC_INLINE vf vf_power2(vf n)
{
    return _mm512_scalef_ps(_mm512_set1_ps(1), n);
}

/* x = m 2^n with m in [sqrt(1/2), sqrt(2)), of positive finite x. */
VEC_INLINE vf vf_mantissa(vf x, vf *n)
{
    vm tiny = vm_less(x, vf_set(0x1p-126f));
    __m512i bits = _mm512_castps_si512(vf_select(tiny, vf_mul(x, vf_set(0x1p24f)), x));
    __m512i base = _mm512_set1_epi32(0x3f3504f3); /* sqrt(1/2) */
    __m512i high = _mm512_srai_epi32(_mm512_sub_epi32(bits, base), 23);

    *n = vf_sub(_mm512_cvtepi32_ps(high), vf_select(tiny, vf_set(24), vf_set(0)));
    return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(high, 23)));
}

/* y = log(x), but for x that has none: -inf of 0, NaN below, inf and NaN as they are. */
VEC_INLINE vf vf_log_special(vf x, vf y)
{
    y = _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, vf_set(__builtin_inff()), _CMP_NLT_UQ), y, x);
    y = _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, vf_set(0), _CMP_LT_OQ), y,
                             vf_set(__builtin_nanf("")));
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, vf_set(0), _CMP_EQ_OQ), y,
                                vf_set(-__builtin_inff()));
}

/* Sums of all lanes, halves added to halves: lane i + lane i + 8, then + 4, + 2, + 1. */
VEC_INLINE float vf_sum(vf x)
{
    __m256 y = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));

    z = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_shuffle_ps(z, z, 1)));
}

/* The largest lane; with NaN in x any lane of it. */
VEC_INLINE float vf_largest(vf x)
{
    return _mm512_reduce_max_ps(x);
}

VEC_INLINE vd vd_set(double x)
{
    return _mm512_set1_pd(x);
}

/* Half 0 or 1 of x's lanes. */
VEC_INLINE vd vd_from_low(vf x)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(x));
}

VEC_INLINE vd vd_from_high(vf x)
{
    return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
}

VEC_INLINE vd vd_add(vd a, vd b)
{
    return _mm512_add_pd(a, b);
}

VEC_INLINE vd vd_fma(vd a, vd b, vd c)
{
    return _mm512_fmadd_pd(a, b, c);
}

/* As vf_sum. */
VEC_INLINE double vd_sum(vd x)
{
    __m256d y = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
    __m128d z = _mm_add_pd(_mm256_castpd256_pd128(y), _mm256_extractf128_pd(y, 1));

    return _mm_cvtsd_f64(_mm_add_sd(z, _mm_unpackhi_pd(z, z)));
}

#endif
