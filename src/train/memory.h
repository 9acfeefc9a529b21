/* train/memory - what one rank of a training takes, by purpose. Nothing of it is taken here: the
 * code that does counts it. */
#ifndef TRAIN_MEMORY_H
#define TRAIN_MEMORY_H

#include "model/model.h"
#include "train/config.h"

struct train_memory {
    struct model_memory model;
    uint64_t
        gradients; /* a vector for each sum at once in the tree, and what others send of theirs */
    uint64_t moments;
    uint64_t products;   /* what threads pack while they multiply: scratch of the kernels */
    uint64_t checkpoint; /* a copy of what is not on disk yet when the optimizer goes on */
};

/* Of the rank of `ranks` that takes most. Returns 0, -EINVAL (no such model) or another negative
 * errno. */
int train_memory_plan(const struct train_config *config, size_t ranks, struct train_memory *out,
                      struct err *err);

/* All of it. */
uint64_t train_memory_sum(const struct train_memory *memory);

/* What a rank's model is made with. */
struct model_options train_model_options(const struct train_config *config);

#endif
