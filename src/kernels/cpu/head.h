/* kernels/cpu/head - what is done to one row of logits in one chunk of the vocabulary, at each
 * level. */
#ifndef KERNELS_CPU_HEAD_H
#define KERNELS_CPU_HEAD_H

#include "kernels/head.h"

/* A softmax's parts so far: sum of exp(logit - max). */
struct head_sum {
    float max, sum;
};

struct head_ops {
    /* logits = scale logits, capped, in place. */
    void (*cap)(const struct head *head, size_t count, float *logits);
    /* Of capped logits: their sum. With `weights`, of head->type: exp(logit - max) times the cap's
     * slope 1 - (logit / cap)^2. */
    struct head_sum (*sum)(const struct head *head, size_t count, const float *logits,
                           void *weights);
    void (*multiply)(enum dtype type, size_t count, void *weights, float factor);
};

extern const struct head_ops head_ops_ref, head_ops_avx2, head_ops_avx512, head_ops_avx512bf16;

#endif
