/* kernels/rope - rotary positions, half-rotation (NeoX): the pairs are (j, j + d/2). */
#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#include "kernels/exec.h"

#include <stdbool.h>

struct rope {
    size_t head_dim;
    double theta; /* base: 10000 in Grok-1 */
    /* YaRN (Peng et al. 2023, "NTK by parts"): factor 0 or 1 is plain. */
    double factor; /* how many times longer than original_context */
    size_t original_context;
    double beta_fast, beta_slow; /* 32 and 1; Grok-2: 8 and 1 */
    /* cos and sin are multiplied by it; 0: 1. The paper's is 0.1 ln(factor) + 1 and llama.cpp
     * applies it for Grok-2. xAI's own serving code (sglang, models/grok.py, class
     * ScalingRotaryEmbedding) computes it and then does not apply it; and for rope_type "original",
     * which Grok-2's config says, it leaves the frequencies plain, where llama.cpp takes YaRN. */
    double magnitude;
};

/* cos and sin, (positions, head_dim / 2) each. Made in double without libm's last-bit freedom: the
 * same bits on every machine. */
void rope_table(const struct rope *rope, size_t positions, float *cos_out, float *sin_out);

/* Rotate `heads` heads beside each other in each row of x (rows, heads * head_dim), in place. Row
 * i has position pos[i], or i % time when pos is NULL. `inverse` turns back (sin -> -sin), which
 * is the way back of the gradient, with a magnitude too. */
void rope_apply(const struct exec *exec, size_t rows, size_t time, const int32_t *pos, size_t heads,
                size_t head_dim, const float *cos_table, const float *sin_table, struct mat x,
                bool inverse);

#endif
