/* kernels/peak - the most FLOP/s that these threads can reach at their level: multiply-adds between
 * registers. What a training's MFU is a part of. */
#ifndef KERNELS_PEAK_H
#define KERNELS_PEAK_H

#include "kernels/exec.h"

/* For products of `type`. Takes some 10 ms; counts each thread's own time, as others may be on its
 * CPU. */
double peak_flops(const struct exec *exec, enum dtype type);

#endif
