/* kernels/cpu/ref/math - the functions of the reference kernels: computed in double by tensor/real,
 * rounded once, the same bits on every machine. */
#ifndef KERNELS_CPU_REF_MATH_H
#define KERNELS_CPU_REF_MATH_H

#include "tensor/real.h"

static inline float ref_exp(float x)
{
    return (float)real_exp(x);
}

static inline float ref_tanh(float x)
{
    return (float)real_tanh(x);
}

static inline float ref_log(float x)
{
    return (float)real_log(x);
}

/* gelu in its tanh form, 0.5 x (1 + tanh(c (x + a x^3))) with c = sqrt(2 / pi) and a = 0.044715,
 * which is x s with s = 1 / (1 + exp(-2 c (x + a x^3))), and its derivative s + 2 c x s (1 - s) (1
 * + 3 a x^2). */
#define REF_GELU_2C 1.5957691216057308
#define REF_GELU_A  0.044715

static inline double ref_gelu_gate(double x)
{
    return 1 / (1 + real_exp(-REF_GELU_2C * (x + REF_GELU_A * x * x * x)));
}

static inline float ref_gelu(float x)
{
    return x < -20 ? -0.0f : (float)(x * ref_gelu_gate(x));
}

static inline float ref_gelu_slope(float x)
{
    double s = ref_gelu_gate(x), square = (double)x * x;

    if (x < -20 || x > 20)
        return x > 0;
    return (float)(s + REF_GELU_2C * x * s * (1 - s) * (1 + 3 * REF_GELU_A * square));
}

#endif
