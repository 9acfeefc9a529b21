#include "kernels/cpu/head.h"

#include "kernels/cpu/vector/vec.h"

static size_t lanes(size_t left)
{
    return left < VF_LANES ? left : VF_LANES;
}

static void cap(const struct head *head, size_t count, float *logits)
{
    vf scale = vf_set(head->scale), limit = vf_set(head->cap),
       bend = vf_set(head->cap > 0 ? head->scale / head->cap : 0);

    for (size_t i = 0; i < count; i += VF_LANES) {
        vf x = vf_load_n(logits + i, lanes(count - i));

        if (head->cap > 0)
            x = vf_mul(limit, vf_tanh(vf_mul(bend, x)));
        else
            x = vf_mul(scale, x);
        vf_store_n(logits + i, x, lanes(count - i));
    }
}

VEC_INLINE struct head_sum sum_type(enum dtype type, const struct head *head, size_t count,
                                    const float *logits, void *weights)
{
    vf inverse = vf_set(head->cap > 0 ? 1 / head->cap : 0), max = vf_set(-__builtin_inff()),
       sum = vf_zero(), top;
    struct head_sum out;

    for (size_t i = 0; i < count; i += VF_LANES) {
        size_t n = lanes(count - i);

        max = vf_max(max, vf_select(vm_first(n), vf_load_n(logits + i, n), max));
    }
    out.max = vf_largest(max);
    top = vf_set(out.max);
    for (size_t i = 0; i < count; i += VF_LANES) {
        size_t n = lanes(count - i);
        vf x = vf_load_n(logits + i, n), e = vf_exp(vf_sub(x, top)), t = vf_mul(x, inverse);

        e = vf_select(vm_first(n), e, vf_zero());
        sum = vf_add(sum, e);
        if (weights)
            vf_put_n(type, weights, i, vf_mul(e, vf_fnma(t, t, vf_set(1))), n);
    }
    out.sum = vf_sum(sum);
    return out;
}

static struct head_sum sum(const struct head *head, size_t count, const float *logits,
                           void *weights)
{
    return head->type == DTYPE_F32 ? sum_type(DTYPE_F32, head, count, logits, weights)
                                   : sum_type(DTYPE_BF16, head, count, logits, weights);
}

VEC_INLINE void multiply_type(enum dtype type, size_t count, void *weights, float factor)
{
    size_t i = 0;

    for (; i + VF_LANES <= count; i += VF_LANES)
        vf_put(type, weights, i, vf_mul(vf_set(factor), vf_get(type, weights, i)));
    if (i < count)
        vf_put_n(type, weights, i, vf_mul(vf_set(factor), vf_get_n(type, weights, i, count - i)),
                 count - i);
}

static void multiply(enum dtype type, size_t count, void *weights, float factor)
{
    if (type == DTYPE_F32)
        multiply_type(DTYPE_F32, count, weights, factor);
    else
        multiply_type(DTYPE_BF16, count, weights, factor);
}

const struct head_ops LEVEL(head_ops) = {cap, sum, multiply};
