#include "kernels/cpu/embed.h"

#include "kernels/cpu/vector/vec.h"

static void scaled(size_t n, float scale, const float *in, float *out)
{
    for (size_t i = 0; i < n; i += VF_LANES)
        vf_put_left(DTYPE_F32, out, i, vf_mul(vf_set(scale), vf_get_left(DTYPE_F32, in, i, n - i)),
                    n - i);
}

static void add_scaled(size_t n, float scale, const float *in, float *sum)
{
    for (size_t i = 0; i < n; i += VF_LANES)
        vf_put_left(DTYPE_F32, sum, i,
                    vf_fma(vf_set(scale), vf_get_left(DTYPE_F32, in, i, n - i),
                           vf_get_left(DTYPE_F32, sum, i, n - i)),
                    n - i);
}

const struct embed_ops LEVEL(embed_ops) = {scaled, add_scaled};
