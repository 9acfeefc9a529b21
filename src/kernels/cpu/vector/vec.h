/* kernels/cpu/vector/vec - one vector type for the code of this folder, which CMake compiles once
 * for each level with VECTOR_LEVEL set: AVX2 has 8 lanes of fp32, AVX-512 has 16.
 *
 * A lane's result depends on its inputs alone and is the same at both lane counts; only the sums
 * across lanes differ. Functions that round more than once say how far from the true value they
 * may be, in units of the last place (ulp), over all floats. Subnormals are kept. */
#ifndef KERNELS_CPU_VECTOR_VEC_H
#define KERNELS_CPU_VECTOR_VEC_H

#include "tensor/dtype.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LEVEL(rms_ops) is rms_ops_avx2, rms_ops_avx512, rms_ops_avx512bf16. */
#define LEVEL_PASTE2(name, level) name##_##level
#define LEVEL_PASTE(name, level)  LEVEL_PASTE2(name, level)
#define LEVEL(name)               LEVEL_PASTE(name, VECTOR_LEVEL)

#define VEC_INLINE static inline __attribute__((always_inline, unused))

#ifdef __AVX512F__
#include "kernels/cpu/vector/vec_avx512.h"
#else
#include "kernels/cpu/vector/vec_avx2.h"
#endif

VEC_INLINE vf vf_zero(void)
{
    return vf_set(0);
}

/* Items i ... of memory of either type, as fp32; `type` is a constant where speed matters, so that
 * the compiler makes one loop for each. */
VEC_INLINE vf vf_get(enum dtype type, const void *p, size_t i)
{
    return type == DTYPE_F32 ? vf_load((const float *)p + i)
                             : vf_load_bf16((const uint16_t *)p + i);
}

VEC_INLINE vf vf_get_n(enum dtype type, const void *p, size_t i, size_t n)
{
    return type == DTYPE_F32 ? vf_load_n((const float *)p + i, n)
                             : vf_load_bf16_n((const uint16_t *)p + i, n);
}

VEC_INLINE void vf_put(enum dtype type, void *p, size_t i, vf x)
{
    if (type == DTYPE_F32)
        vf_store((float *)p + i, x);
    else
        vf_store_bf16((uint16_t *)p + i, x);
}

VEC_INLINE void vf_put_n(enum dtype type, void *p, size_t i, vf x, size_t n)
{
    if (type == DTYPE_F32)
        vf_store_n((float *)p + i, x, n);
    else
        vf_store_bf16_n((uint16_t *)p + i, x, n);
}

/* The same with `left` items to go, which may be more than fit. */
VEC_INLINE vf vf_get_left(enum dtype type, const void *p, size_t i, size_t left)
{
    return left >= VF_LANES ? vf_get(type, p, i) : vf_get_n(type, p, i, left);
}

VEC_INLINE void vf_put_left(enum dtype type, void *p, size_t i, vf x, size_t left)
{
    if (left >= VF_LANES)
        vf_put(type, p, i, x);
    else
        vf_put_n(type, p, i, x, left);
}

/* sum + a b of one unit each: a float, or with `pairs` (of AVX-512 BF16 alone) two of bf16. */
VEC_INLINE vf vf_multiply(bool pairs, vf a, vf b, vf sum)
{
#ifdef __AVX512BF16__
    if (pairs)
        return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#endif
    (void)pairs;
    return vf_fma(a, b, sum);
}

/* c0 + x (c1 + x (c2 + ...)) */
VEC_INLINE vf vf_polynomial(vf x, const float *c, size_t count)
{
    vf sum = vf_set(c[count - 1]);

    for (size_t i = count - 1; i-- > 0;)
        sum = vf_fma(sum, x, vf_set(c[i]));
    return sum;
}

/* x = n ln 2 + r with |r| <= 0.35: gives n and exp(r) - 1, which keeps all its bits near 0. */
VEC_INLINE vf vf_exp_parts(vf x, vf *n)
{
    /* minimax of (exp(r) - 1 - r) / r^2, to 1.3e-8 of r */
    static const float c[] = {0.5f, 0.16666542f, 0.04166628f, 0.0083666444f, 0.0013946554f};
    vf r;

    *n = vf_round(vf_mul(x, vf_set(1.44269504f)));
    r = vf_fnma(*n, vf_set(0x1.62e4p-1f), x); /* ln 2 in two parts; n times the first is exact */
    r = vf_fnma(*n, vf_set(0x1.7f7d1cp-20f), r);
    return vf_fma(vf_mul(r, r), vf_polynomial(r, c, 5), r);
}

/* 1.1 ulp; exp(-inf) = 0, and inf above 88.72. */
VEC_INLINE vf vf_exp(vf x)
{
    vf n, p;

    x = vf_min(vf_set(89), vf_max(vf_set(-104), x)); /* beyond, the result is inf or 0 as here */
    p = vf_exp_parts(x, &n);
    return vf_scale2(vf_add(vf_set(1), p), n);
}

/* 2.5 ulp; never above 1. */
VEC_INLINE vf vf_tanh(vf x)
{
    vf n, p, scale, t;

    t = vf_min(vf_set(10), vf_abs(x)); /* tanh(10) is 1 */
    p = vf_exp_parts(vf_add(t, t), &n);
    scale = vf_power2(n);
    t = vf_fma(scale, p, vf_sub(scale, vf_set(1))); /* exp(2 |x|) - 1 */
    return vf_copysign(vf_div(t, vf_add(t, vf_set(2))), x);
}

/* 1 ulp; log(0) = -inf, of less NaN. */
VEC_INLINE vf vf_log(vf x)
{
    /* minimax of (log(1 + f) - f + f^2 / 2) / f^3, to 5.9e-9 of f */
    static const float c[] = {0.33333316f, -0.25000811f, 0.20002286f,  -0.16624554f,
                              0.14181191f, -0.13128753f, 0.128816500f, -0.07859618f};
    vf n, f, square, y;

    f = vf_sub(vf_mantissa(x, &n), vf_set(1));
    square = vf_mul(f, f);
    y = vf_mul(vf_mul(square, f), vf_polynomial(f, c, 8));
    y = vf_fma(n, vf_set(-0x1.bd0106p-13f), y); /* ln 2 = 0.693359375 - this */
    y = vf_fma(vf_set(-0.5f), square, y);
    y = vf_fma(n, vf_set(0.693359375f), vf_add(f, y));
    return vf_log_special(x, y);
}

/* The tanh form of gelu, 0.5 x (1 + tanh(c (x + a x^3))), is x s with s = 1 / (1 + e) and e =
 * exp(-2 c (x + a x^3)), which loses nothing where tanh is near -1. */
#define GELU_2C 1.59576912f /* 2 sqrt(2 / pi) */
#define GELU_A  0.044715f

VEC_INLINE vf vf_gelu_e(vf x)
{
    vf cube = vf_mul(vf_mul(vf_set(GELU_A * GELU_2C), vf_mul(x, x)), x);

    return vf_exp(vf_neg(vf_fma(vf_set(GELU_2C), x, cube)));
}

/* 2.5 ulp where x > 0; below, 1e-7 |x|. Left of -12 it is -0, also of -inf. */
VEC_INLINE vf vf_gelu(vf x)
{
    return vf_mul(vf_max(vf_set(-12), x), vf_div(vf_set(1), vf_add(vf_set(1), vf_gelu_e(x))));
}

/* gelu, the same bits, and its derivative s + 2 c x s (1 - s) (1 + 3 a x^2), that to 5e-7. */
VEC_INLINE vf vf_gelu_both(vf x, vf *slope)
{
    vf e = vf_gelu_e(x), s = vf_div(vf_set(1), vf_add(vf_set(1), e));
    vf rest = vf_mul(vf_min(vf_set(0x1.fffffep127f), e), s); /* 1 - s; inf times 0 is not */
    vf near = vf_min(vf_set(12), vf_max(vf_set(-12), x));    /* beyond, s or 1 - s is 0 */
    vf bend = vf_fma(vf_mul(vf_set(3 * GELU_A * GELU_2C), near), near, vf_set(GELU_2C));

    *slope = vf_fma(vf_mul(s, vf_mul(near, rest)), bend, s);
    return vf_mul(vf_max(vf_set(-12), x), s);
}

#endif
