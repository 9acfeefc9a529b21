#include "kernels/cpu/flat.h"

#include <math.h>

static void add(size_t count, float *a, const float *b)
{
    for (size_t i = 0; i < count; i++)
        a[i] += b[i];
}

static double square_sum(size_t count, const float *x)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

static void adamw(const struct adamw_factors *f, size_t count, const float *g, float *w, float *m,
                  float *v)
{
    for (size_t i = 0; i < count; i++) {
        float scaled = f->grad_scale * g[i];

        m[i] = f->beta1 * m[i] + f->rest1 * scaled;
        v[i] = f->beta2 * v[i] + f->rest2 * (scaled * scaled);
        w[i] -= f->step * m[i] / (sqrtf(v[i] * f->root) + f->eps) + f->decay * w[i];
    }
}

static void to_bf16(size_t count, const float *in, uint16_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = bf16_from_f32(in[i]);
}

static void from_bf16(size_t count, const uint16_t *in, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = bf16_to_f32(in[i]);
}

const struct flat_ops flat_ops_ref = {add, square_sum, adamw, to_bf16, from_bf16};
