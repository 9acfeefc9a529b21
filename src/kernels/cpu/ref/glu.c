#include "kernels/cpu/glu.h"

#include "kernels/cpu/ref/math.h"

static void forward(size_t n, struct mat g, struct mat u, struct mat z)
{
    for (size_t i = 0; i < n; i++)
        mat_set(z, 0, i, ref_gelu(mat_get(g, 0, i)) * mat_get(u, 0, i));
}

static void backward(size_t n, struct mat g, struct mat u, struct mat dz, struct mat dg,
                     struct mat du, struct mat z)
{
    for (size_t i = 0; i < n; i++) {
        float gi = mat_get(g, 0, i), ui = mat_get(u, 0, i), d = mat_get(dz, 0, i);
        float gelu = ref_gelu(gi);

        mat_set(dg, 0, i, d * ui * ref_gelu_slope(gi));
        mat_set(du, 0, i, d * gelu);
        mat_set(z, 0, i, gelu * ui);
    }
}

const struct glu_ops glu_ops_ref = {forward, backward};
