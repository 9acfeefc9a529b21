#include "kernels/cpu/each.h"

#include "kernels/cpu/vector/vec.h"

VEC_INLINE vf gelu_slope(vf x)
{
    vf slope;

    (void)vf_gelu_both(x, &slope);
    return slope;
}

#define EACH(name, function)                                                                       \
    static void name(size_t n, const float *in, float *out)                                        \
    {                                                                                              \
        for (size_t i = 0; i < n; i += VF_LANES)                                                   \
            vf_put_left(DTYPE_F32, out, i, function(vf_get_left(DTYPE_F32, in, i, n - i)), n - i); \
    }

EACH(each_exp, vf_exp)
EACH(each_tanh, vf_tanh)
EACH(each_log, vf_log)
EACH(each_gelu, vf_gelu)
EACH(each_gelu_slope, gelu_slope)

const struct each_ops LEVEL(each_ops) = {each_exp, each_tanh, each_log, each_gelu, each_gelu_slope};
