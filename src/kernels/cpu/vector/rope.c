#include "kernels/cpu/rope.h"

#include "kernels/cpu/vector/vec.h"

VEC_INLINE void turn_at(enum dtype type, void *x, size_t half, const float *cos_row,
                        const float *sin_row, float sign, size_t j, size_t n)
{
    vf a = vf_get_n(type, x, j, n), b = vf_get_n(type, x, j + half, n),
       c = vf_load_n(cos_row + j, n), s = vf_mul(vf_set(sign), vf_load_n(sin_row + j, n));

    vf_put_n(type, x, j, vf_fnma(b, s, vf_mul(a, c)), n);
    vf_put_n(type, x, j + half, vf_fma(a, s, vf_mul(b, c)), n);
}

VEC_INLINE void turn_type(enum dtype type, void *x, size_t half, const float *cos_row,
                          const float *sin_row, float sign)
{
    size_t j = 0;

    for (; j + VF_LANES <= half; j += VF_LANES)
        turn_at(type, x, half, cos_row, sin_row, sign, j, VF_LANES);
    if (j < half)
        turn_at(type, x, half, cos_row, sin_row, sign, j, half - j);
}

static void turn(enum dtype type, void *x, size_t half, const float *cos_row, const float *sin_row,
                 float sign)
{
    if (type == DTYPE_F32)
        turn_type(DTYPE_F32, x, half, cos_row, sin_row, sign);
    else
        turn_type(DTYPE_BF16, x, half, cos_row, sin_row, sign);
}

const struct rope_ops LEVEL(rope_ops) = {turn};
