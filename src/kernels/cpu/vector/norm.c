/* A row is read twice, the second time from the first cache: at long rows the time is memory's. */
#include "kernels/cpu/norm.h"

#include "kernels/cpu/vector/vec.h"

#include <math.h>

/* Independent sums, so that an addition needs not wait for the one before. */
#define SUMS 4

VEC_INLINE float sum_all(const vf sums[SUMS])
{
    return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3])));
}

VEC_INLINE float square_sum(size_t n, const void *x, enum dtype type)
{
    vf sums[SUMS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t i = 0;

    for (; i + SUMS * VF_LANES <= n; i += SUMS * VF_LANES)
        for (size_t s = 0; s < SUMS; s++) {
            vf xi = vf_get(type, x, i + s * VF_LANES);

            sums[s] = vf_fma(xi, xi, sums[s]);
        }
    for (; i < n; i += VF_LANES) {
        vf xi = vf_get_left(type, x, i, n - i);

        sums[0] = vf_fma(xi, xi, sums[0]);
    }
    return sum_all(sums);
}

VEC_INLINE float forward_typed(size_t n, float eps, const float *gain, const void *x,
                               enum dtype type, const float *h, void *out, enum dtype out_type)
{
    float r = (float)(1 / sqrt((double)square_sum(n, x, type) / (double)n + eps));

    for (size_t i = 0; i < n; i += VF_LANES) {
        size_t left = n - i;
        vf y = vf_mul(vf_get_left(DTYPE_F32, gain, i, left),
                      vf_mul(vf_get_left(type, x, i, left), vf_set(r)));

        if (h)
            y = vf_add(vf_get_left(DTYPE_F32, h, i, left), y);
        vf_put_left(out_type, out, i, y, left);
    }
    return r;
}

static float forward(size_t n, float eps, const float *gain, struct mat x, const float *h,
                     struct mat out)
{
    if (x.type == DTYPE_F32)
        return out.type == DTYPE_F32
                   ? forward_typed(n, eps, gain, x.p, DTYPE_F32, h, out.p, DTYPE_F32)
                   : forward_typed(n, eps, gain, x.p, DTYPE_F32, h, out.p, DTYPE_BF16);
    return out.type == DTYPE_F32
               ? forward_typed(n, eps, gain, x.p, DTYPE_BF16, h, out.p, DTYPE_F32)
               : forward_typed(n, eps, gain, x.p, DTYPE_BF16, h, out.p, DTYPE_BF16);
}

VEC_INLINE float inner_product(size_t n, const float *gain, const void *x, enum dtype type,
                               const void *dy, enum dtype dy_type)
{
    vf sums[SUMS] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    size_t i = 0;

    for (; i + SUMS * VF_LANES <= n; i += SUMS * VF_LANES)
        for (size_t s = 0, j = i; s < SUMS; s++, j += VF_LANES)
            sums[s] = vf_fma(vf_mul(vf_get(dy_type, dy, j), vf_load(gain + j)), vf_get(type, x, j),
                             sums[s]);
    for (; i < n; i += VF_LANES)
        sums[0] = vf_fma(
            vf_mul(vf_get_left(dy_type, dy, i, n - i), vf_get_left(DTYPE_F32, gain, i, n - i)),
            vf_get_left(type, x, i, n - i), sums[0]);
    return sum_all(sums);
}

VEC_INLINE void backward_typed(size_t n, const float *gain, const void *x, enum dtype type, float r,
                               const void *dy, enum dtype dy_type, void *dx, enum dtype dx_type,
                               bool add, float *dgain)
{
    float along = (float)((double)inner_product(n, gain, x, type, dy, dy_type) / (double)n) * r * r;

    for (size_t i = 0; i < n; i += VF_LANES) {
        size_t left = n - i;
        vf xi = vf_get_left(type, x, i, left), dyi = vf_get_left(dy_type, dy, i, left);
        vf gi = vf_get_left(DTYPE_F32, gain, i, left), d, sum;

        d = vf_mul(vf_set(r), vf_fnma(xi, vf_set(along), vf_mul(dyi, gi)));
        sum = vf_fma(dyi, vf_mul(xi, vf_set(r)), vf_get_left(DTYPE_F32, dgain, i, left));
        vf_put_left(DTYPE_F32, dgain, i, sum, left);
        if (add)
            d = vf_add(vf_get_left(dx_type, dx, i, left), d);
        vf_put_left(dx_type, dx, i, d, left);
    }
}

#define TYPES(x, dy, dx) ((x)*4 + (dy)*2 + (dx))
#define CASE(x_type, dy_type, dx_type)                                                             \
    case TYPES(x_type, dy_type, dx_type):                                                          \
        backward_typed(n, gain, x.p, x_type, r, dy.p, dy_type, dx.p, dx_type, add, dgain);         \
        break

static void backward(size_t n, const float *gain, struct mat x, float r, struct mat dy,
                     struct mat dx, bool add, float *dgain)
{
    switch (TYPES(x.type, dy.type, dx.type)) {
        CASE(DTYPE_F32, DTYPE_F32, DTYPE_F32);
        CASE(DTYPE_F32, DTYPE_F32, DTYPE_BF16);
        CASE(DTYPE_F32, DTYPE_BF16, DTYPE_F32);
        CASE(DTYPE_F32, DTYPE_BF16, DTYPE_BF16);
        CASE(DTYPE_BF16, DTYPE_F32, DTYPE_F32);
        CASE(DTYPE_BF16, DTYPE_F32, DTYPE_BF16);
        CASE(DTYPE_BF16, DTYPE_BF16, DTYPE_F32);
        CASE(DTYPE_BF16, DTYPE_BF16, DTYPE_BF16);
    }
}

const struct norm_ops LEVEL(norm_ops) = {forward, backward};
