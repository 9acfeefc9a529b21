/* kernels/head - logits and their cross entropy, the vocabulary in chunks: the logits of all tokens
 * are never in memory together.
 *
 *   logit = scale x table^T, capped: cap tanh(logit / cap) when there is a cap
 *   loss_row = log sum exp(logit) - logit[target]; rows with target < 0 count nothing */
#ifndef KERNELS_HEAD_H
#define KERNELS_HEAD_H

#include "kernels/exec.h"

#include <stdbool.h>

struct head {
    size_t vocab, n; /* the table is (vocab, n) fp32 */
    float scale;     /* s_o */
    float cap;       /* 0: none */
    enum dtype type; /* of the products */
};

/* Bytes of the packed table, for the way there. Packed once a step. */
size_t head_packed_bytes(const struct exec *exec, const struct head *head);
void head_pack(const struct exec *exec, const struct head *head, const float *table, void *packed);

/* Bytes of scratch that head_loss wants for `rows` rows. */
size_t head_scratch_bytes(const struct exec *exec, const struct head *head, size_t rows);

/* The table, and the same packed. x (rows, n) of head->type; targets (rows); losses (rows) fp32, 0
 * where masked. Without dx that is all. With dx: the gradient of grad_scale * sum of losses: dx
 * (rows, n), and dtable (vocab, n) fp32, overwritten. */
void head_loss(const struct exec *exec, const struct head *head, const float *table,
               const void *packed, size_t rows, struct mat x, const int32_t *targets, float *losses,
               float grad_scale, const struct mat *dx, float *dtable, void *scratch);

/* logits (rows, vocab) fp32, for few rows. */
void head_logits(const struct exec *exec, const struct head *head, const void *packed, size_t rows,
                 struct mat x, float *logits);

#endif
