/* kernels/cpu/vector/vec_avx2 - what vec.h builds on, with 8 lanes. Included by vec.h alone; each
 * function means what its sister in vec_avx512.h says. */
#ifndef KERNELS_CPU_VECTOR_VEC_AVX2_H
#define KERNELS_CPU_VECTOR_VEC_AVX2_H

#define VF_LANES 8
#define VD_LANES 4

typedef __m256 vf;
typedef __m256d vd;
typedef __m256 vm;

VEC_INLINE vf vf_set(float x)
{
    return _mm256_set1_ps(x);
}

VEC_INLINE vm vm_first(size_t n)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

VEC_INLINE vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

VEC_INLINE vf vf_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, _mm256_castps_si256(vm_first(n)));
}

VEC_INLINE void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}

VEC_INLINE void vf_store_n(float *p, vf x, size_t n)
{
    _mm256_maskstore_ps(p, _mm256_castps_si256(vm_first(n)), x);
}

VEC_INLINE void vf_stream(float *p, vf x)
{
    _mm256_stream_ps(p, x);
}

VEC_INLINE vf vf_from_bf16(__m128i bits)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

VEC_INLINE __m128i vf_to_bf16(vf x)
{
    __m256i bits = _mm256_castps_si256(x), high = _mm256_srli_epi32(bits, 16), odd, up;
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));

    odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    up = _mm256_srli_epi32(up, 16);
    up = _mm256_blendv_epi8(up, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(up), _mm256_extracti128_si256(up, 1));
}

VEC_INLINE vf vf_load_bf16(const uint16_t *p)
{
    return vf_from_bf16(_mm_loadu_si128((const __m128i *)p));
}

VEC_INLINE vf vf_load_bf16_n(const uint16_t *p, size_t n)
{
    uint16_t all[VF_LANES] = {0};

    memcpy(all, p, n * sizeof(*p));
    return vf_load_bf16(all);
}

VEC_INLINE void vf_store_bf16(uint16_t *p, vf x)
{
    _mm_storeu_si128((__m128i *)p, vf_to_bf16(x));
}

VEC_INLINE void vf_store_bf16_n(uint16_t *p, vf x, size_t n)
{
    uint16_t all[VF_LANES];

    vf_store_bf16(all, x);
    memcpy(p, all, n * sizeof(*p));
}

VEC_INLINE vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

VEC_INLINE vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

VEC_INLINE vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

VEC_INLINE vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

VEC_INLINE vf vf_sqrt(vf x)
{
    return _mm256_sqrt_ps(x);
}

VEC_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

VEC_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE vf vf_abs(vf x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

VEC_INLINE vf vf_neg(vf x)
{
    return _mm256_xor_ps(_mm256_set1_ps(-0.0f), x);
}

VEC_INLINE vf vf_copysign(vf x, vf sign)
{
    return _mm256_or_ps(x, _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}

VEC_INLINE vf vf_round(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

VEC_INLINE vm vm_less(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

VEC_INLINE vf vf_select(vm m, vf yes, vf no)
{
    return _mm256_blendv_ps(no, yes, m);
}

VEC_INLINE vf vf_power2(vf n)
{
    __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));

    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

/* In two factors, the first of which is exact: rounded once. */
VEC_INLINE vf vf_scale2(vf x, vf n)
{
    vf half = vf_round(vf_mul(n, vf_set(0.5f)));

    return vf_mul(vf_mul(x, vf_power2(half)), vf_power2(vf_sub(n, half)));
}

VEC_INLINE vf vf_mantissa(vf x, vf *n)
{
    vm tiny = vm_less(x, vf_set(0x1p-126f));
    __m256i bits = _mm256_castps_si256(vf_select(tiny, vf_mul(x, vf_set(0x1p24f)), x));
    __m256i base = _mm256_set1_epi32(0x3f3504f3);
    __m256i high = _mm256_srai_epi32(_mm256_sub_epi32(bits, base), 23);

    *n = vf_sub(_mm256_cvtepi32_ps(high), vf_select(tiny, vf_set(24), vf_set(0)));
    return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(high, 23)));
}

VEC_INLINE vf vf_log_special(vf x, vf y)
{
    y = vf_select(_mm256_cmp_ps(x, vf_set(__builtin_inff()), _CMP_NLT_UQ), x, y);
    y = vf_select(_mm256_cmp_ps(x, vf_set(0), _CMP_LT_OQ), vf_set(__builtin_nanf("")), y);
    return vf_select(_mm256_cmp_ps(x, vf_set(0), _CMP_EQ_OQ), vf_set(-__builtin_inff()), y);
}

/* Lane i + lane i + 4, then + 2, + 1. */
VEC_INLINE float vf_sum(vf x)
{
    __m128 z = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    z = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_shuffle_ps(z, z, 1)));
}

VEC_INLINE float vf_largest(vf x)
{
    __m128 z = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    z = _mm_max_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_max_ss(z, _mm_shuffle_ps(z, z, 1)));
}

VEC_INLINE vd vd_set(double x)
{
    return _mm256_set1_pd(x);
}

VEC_INLINE vd vd_from_low(vf x)
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(x));
}

VEC_INLINE vd vd_from_high(vf x)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
}

VEC_INLINE vd vd_add(vd a, vd b)
{
    return _mm256_add_pd(a, b);
}

VEC_INLINE vd vd_fma(vd a, vd b, vd c)
{
    return _mm256_fmadd_pd(a, b, c);
}

VEC_INLINE double vd_sum(vd x)
{
    __m128d z = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));

    return _mm_cvtsd_f64(_mm_add_sd(z, _mm_unpackhi_pd(z, z)));
}

#endif
