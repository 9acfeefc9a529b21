#include "kernels/cpu/head.h"
#include "tensor/real.h"

static void cap(const struct head *head, size_t count, float *logits)
{
    for (size_t i = 0; i < count; i++) {
        double logit = (double)(head->scale * logits[i]), limit = (double)head->cap;

        logits[i] = (float)(limit > 0 ? limit * real_tanh(logit / limit) : logit);
    }
}

static struct head_sum sum(const struct head *head, size_t count, const float *logits,
                           void *weights)
{
    struct mat out = mat_of(head->type, weights, 0);
    float max = logits[0];
    double total = 0;

    for (size_t i = 1; i < count; i++)
        max = logits[i] > max ? logits[i] : max;
    for (size_t i = 0; i < count; i++) {
        double e = real_exp((double)logits[i] - (double)max),
               t = head->cap > 0 ? (double)logits[i] / (double)head->cap : 0;

        total += e;
        if (weights)
            mat_set(out, 0, i, (float)(e * (1 - t * t)));
    }
    return (struct head_sum){max, (float)total};
}

static void multiply(enum dtype type, size_t count, void *weights, float factor)
{
    struct mat m = mat_of(type, weights, 0);

    for (size_t i = 0; i < count; i++)
        mat_set(m, 0, i, mat_get(m, 0, i) * factor);
}

const struct head_ops head_ops_ref = {cap, sum, multiply};
