/* kernels/norm - RMS normalisation: y_i = gain_i x_i r, r = (mean_i x_i^2 + eps)^-1/2. */
#ifndef KERNELS_NORM_H
#define KERNELS_NORM_H

#include "kernels/exec.h"

#include <stdbool.h>

struct rms {
    size_t rows, n;
    float eps;
    const float *gain; /* (n) */
};

/* y (rows, n) = rms(x); r (rows) is kept for the way back. */
void rms_forward(const struct exec *exec, const struct rms *rms, struct mat x, struct mat y,
                 float *r);

/* out (rows, n) = h + rms(x); h and out are fp32 with rows of n, and may be the same. */
void rms_add_forward(const struct exec *exec, const struct rms *rms, struct mat x, const float *h,
                     float *out, float *r);

/* S = sum_i dy_i gain_i x_i; dx_i = r (dy_i gain_i - x_i r^2 S / n); dgain_i = sum over rows of
 * dy_i x_i r. With `add`, dx += that (dx is then fp32). dgain (n) is overwritten; its sum over rows
 * has a fixed order. dy and dx may be the same matrix when not adding. */
void rms_backward(const struct exec *exec, const struct rms *rms, struct mat x, const float *r,
                  struct mat dy, struct mat dx, bool add, float *dgain);

#endif
