/* kernels/rope - rotary positions, half-rotation (NeoX): the pairs are (j, j + d/2). */
#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#include "kernels/exec.h"

#include <stdbool.h>

struct rope {
    size_t head_dim;
    double theta; /* base: 10000 in Grok-1 */
    /* YaRN (Peng et al. 2023), as Grok-2 has it: factor 1 is plain. */
    double factor; /* how many times longer than original_context */
    size_t original_context;
    double beta_fast, beta_slow; /* 32 and 1 */
};

/* cos and sin, (positions, head_dim / 2) each. Made in double without libm's last-bit freedom: the
 * same bits on every machine. */
void rope_table(const struct rope *rope, size_t positions, float *cos_out, float *sin_out);

/* Rotate `heads` heads beside each other in each row of x (rows, heads * head_dim), in place. Row
 * i has position pos[i], or i % time when pos is NULL. `inverse` turns back (sin -> -sin). */
void rope_apply(const struct exec *exec, size_t rows, size_t time, const int32_t *pos, size_t heads,
                size_t head_dim, const float *cos_table, const float *sin_table, struct mat x,
                bool inverse);

#endif
