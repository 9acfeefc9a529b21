#include "kernels/cpu/glu.h"

#include "kernels/cpu/vector/vec.h"

VEC_INLINE void forward_typed(size_t n, struct mat g, struct mat u, struct mat z, enum dtype g_type,
                              enum dtype u_type, enum dtype z_type)
{
    for (size_t i = 0; i < n; i += VF_LANES) {
        vf gelu = vf_gelu(vf_get_left(g_type, g.p, i, n - i));

        vf_put_left(z_type, z.p, i, vf_mul(gelu, vf_get_left(u_type, u.p, i, n - i)), n - i);
    }
}

/* All of one type is what runs in training; a mixture is right, but chooses at every step. */
static void forward(size_t n, struct mat g, struct mat u, struct mat z)
{
    if (g.type == DTYPE_BF16 && u.type == DTYPE_BF16 && z.type == DTYPE_BF16)
        forward_typed(n, g, u, z, DTYPE_BF16, DTYPE_BF16, DTYPE_BF16);
    else if (g.type == DTYPE_F32 && u.type == DTYPE_F32 && z.type == DTYPE_F32)
        forward_typed(n, g, u, z, DTYPE_F32, DTYPE_F32, DTYPE_F32);
    else
        forward_typed(n, g, u, z, g.type, u.type, z.type);
}

VEC_INLINE void backward_typed(size_t n, const struct mat in[3], const struct mat out[3],
                               const enum dtype in_type[3], const enum dtype out_type[3])
{
    for (size_t i = 0; i < n; i += VF_LANES) {
        size_t left = n - i;
        vf g = vf_get_left(in_type[0], in[0].p, i, left);
        vf u = vf_get_left(in_type[1], in[1].p, i, left);
        vf dz = vf_get_left(in_type[2], in[2].p, i, left);
        vf slope, gelu = vf_gelu_both(g, &slope);

        vf_put_left(out_type[0], out[0].p, i, vf_mul(vf_mul(dz, u), slope), left);
        vf_put_left(out_type[1], out[1].p, i, vf_mul(dz, gelu), left);
        vf_put_left(out_type[2], out[2].p, i, vf_mul(gelu, u), left);
    }
}

static void backward(size_t n, struct mat g, struct mat u, struct mat dz, struct mat dg,
                     struct mat du, struct mat z)
{
    const struct mat in[] = {g, u, dz}, out[] = {dg, du, z};
    const enum dtype in_type[] = {g.type, u.type, dz.type};
    const enum dtype out_type[] = {dg.type, du.type, z.type};
    static const enum dtype bf16[] = {DTYPE_BF16, DTYPE_BF16, DTYPE_BF16};
    static const enum dtype f32[] = {DTYPE_F32, DTYPE_F32, DTYPE_F32};

    if (memcmp(in_type, bf16, sizeof(bf16)) == 0 && memcmp(out_type, bf16, sizeof(bf16)) == 0)
        backward_typed(n, in, out, bf16, bf16);
    else if (memcmp(in_type, f32, sizeof(f32)) == 0 && memcmp(out_type, f32, sizeof(f32)) == 0)
        backward_typed(n, in, out, f32, f32);
    else
        backward_typed(n, in, out, in_type, out_type);
}

const struct glu_ops LEVEL(glu_ops) = {forward, backward};
