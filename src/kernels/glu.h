/* kernels/glu - z = gelu(g) u with the tanh form of gelu, as jax.nn.gelu has it by default. */
#ifndef KERNELS_GLU_H
#define KERNELS_GLU_H

#include "kernels/exec.h"

/* All (rows, n). */
void glu_forward(const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u,
                 struct mat z);

/* dg = dz u gelu'(g), du = dz gelu(g), and z once more, so that nobody keeps it. dg may be dz;
 * dg may be g and du may be u. */
void glu_backward(const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u,
                  struct mat dz, struct mat dg, struct mat du, struct mat z);

#endif
