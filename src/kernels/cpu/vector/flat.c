#include "kernels/cpu/flat.h"

#include "kernels/cpu/vector/vec.h"

static void add(size_t count, float *a, const float *b)
{
    for (size_t i = 0; i < count; i += VF_LANES)
        vf_put_left(DTYPE_F32, a, i,
                    vf_add(vf_get_left(DTYPE_F32, a, i, count - i),
                           vf_get_left(DTYPE_F32, b, i, count - i)),
                    count - i);
}

static double square_sum(size_t count, const float *x)
{
    vd sums[4] = {vd_set(0), vd_set(0), vd_set(0), vd_set(0)};
    size_t i = 0;

    for (; i + 2 * VF_LANES <= count; i += 2 * VF_LANES)
        for (size_t s = 0; s < 2; s++) {
            vf xi = vf_load(x + i + s * VF_LANES);
            vd low = vd_from_low(xi), high = vd_from_high(xi);

            sums[2 * s] = vd_fma(low, low, sums[2 * s]);
            sums[2 * s + 1] = vd_fma(high, high, sums[2 * s + 1]);
        }
    for (; i < count; i += VF_LANES) {
        vf xi = vf_get_left(DTYPE_F32, x, i, count - i);
        vd low = vd_from_low(xi), high = vd_from_high(xi);

        sums[0] = vd_fma(low, low, sums[0]);
        sums[1] = vd_fma(high, high, sums[1]);
    }
    return vd_sum(vd_add(vd_add(sums[0], sums[1]), vd_add(sums[2], sums[3])));
}

static void adamw(const struct adamw_factors *f, size_t count, const float *g, float *w, float *m,
                  float *v)
{
    for (size_t i = 0; i < count; i += VF_LANES) {
        size_t left = count - i;
        vf gi = vf_mul(vf_set(f->grad_scale), vf_get_left(DTYPE_F32, g, i, left));
        vf mi = vf_mul(vf_set(f->beta1), vf_get_left(DTYPE_F32, m, i, left));
        vf vi = vf_mul(vf_set(f->beta2), vf_get_left(DTYPE_F32, v, i, left));
        vf wi = vf_get_left(DTYPE_F32, w, i, left), root;

        mi = vf_fma(vf_set(f->rest1), gi, mi);
        vi = vf_fma(vf_set(f->rest2), vf_mul(gi, gi), vi);
        root = vf_add(vf_sqrt(vf_mul(vi, vf_set(f->root))), vf_set(f->eps));
        wi = vf_sub(wi, vf_fma(vf_set(f->decay), wi, vf_div(vf_mul(vf_set(f->step), mi), root)));
        vf_put_left(DTYPE_F32, m, i, mi, left);
        vf_put_left(DTYPE_F32, v, i, vi, left);
        vf_put_left(DTYPE_F32, w, i, wi, left);
    }
}

static void to_bf16(size_t count, const float *in, uint16_t *out)
{
    for (size_t i = 0; i < count; i += VF_LANES)
        vf_put_left(DTYPE_BF16, out, i, vf_get_left(DTYPE_F32, in, i, count - i), count - i);
}

static void from_bf16(size_t count, const uint16_t *in, float *out)
{
    for (size_t i = 0; i < count; i += VF_LANES)
        vf_put_left(DTYPE_F32, out, i, vf_get_left(DTYPE_BF16, in, i, count - i), count - i);
}

const struct flat_ops LEVEL(flat_ops) = {add, square_sum, adamw, to_bf16, from_bf16};
