/* kernels/embed - rows of a table by token, and back. */
#ifndef KERNELS_EMBED_H
#define KERNELS_EMBED_H

#include "kernels/exec.h"

/* out (rows, n) fp32 = scale table[token]; tokens are below `vocab` (checked by who made them). */
void embed_forward(const struct exec *exec, size_t rows, size_t n, const int32_t *tokens,
                   const float *table, float scale, float *out);

/* dtable[token] += scale dout[row], rows of one token in their order. dtable is (vocab, n). */
void embed_backward(const struct exec *exec, size_t rows, size_t n, size_t vocab,
                    const int32_t *tokens, const float *dout, float scale, float *dtable);

#endif
