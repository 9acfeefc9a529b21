#include "kernels/cpu/embed.h"

static void scaled(size_t n, float scale, const float *in, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = scale * in[i];
}

static void add_scaled(size_t n, float scale, const float *in, float *sum)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += scale * in[i];
}

const struct embed_ops embed_ops_ref = {scaled, add_scaled};
