/* A character-level language model with one hidden layer: the last CONTEXT characters, embedded,
 * give the next. Small on purpose: its gradients go through a key-value store. */
#ifndef EXAMPLE_MODEL_H
#define EXAMPLE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define CHARS   97 /* newline, printable ASCII, everything else */
#define CONTEXT 3
#define EMBED   8
#define HIDDEN  32

struct weights {
    float embed[CHARS][EMBED];
    float in[HIDDEN][CONTEXT * EMBED], in_bias[HIDDEN];
    float out[CHARS][HIDDEN], out_bias[CHARS];
};

#define WEIGHTS (sizeof(struct weights) / sizeof(float))

/* What must be saved to go on with the same bits. */
struct model {
    struct weights weights, velocity;
    int64_t step; /* steps done */
    uint64_t seed;
    double loss; /* of the last step */
};

/* The batch of a step is cut into shards, always as many, and their gradients are added in their
 * order: so any number of ranks gets the same sum, to the bit. */
#define SHARDS        16
#define SHARD_SAMPLES 8
#define STEP_SAMPLES  (SHARDS * SHARD_SAMPLES)

struct shard {
    struct weights gradient;
    double loss; /* sums over the shard's samples */
};

unsigned char model_class(unsigned char byte);

void model_init(struct model *model, uint64_t seed);

/* `text` are classes. Which samples are taken follows from seed, step and shard alone. */
void model_shard(const struct model *model, const unsigned char *text, size_t len, unsigned shard,
                 struct shard *out);

/* Add `shard` to the sum of those before it. */
void model_add(struct shard *sum, const struct shard *shard);

/* One step down the gradient. */
void model_update(struct model *model, const struct shard *sum);

#endif
