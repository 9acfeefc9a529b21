#include "kernels/cpu/each.h"

#include "kernels/cpu/ref/math.h"

#define EACH(name, function)                                                                       \
    static void name(size_t n, const float *in, float *out)                                        \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = function(in[i]);                                                              \
    }

EACH(each_exp, ref_exp)
EACH(each_tanh, ref_tanh)
EACH(each_log, ref_log)
EACH(each_gelu, ref_gelu)
EACH(each_gelu_slope, ref_gelu_slope)

const struct each_ops each_ops_ref = {each_exp, each_tanh, each_log, each_gelu, each_gelu_slope};
