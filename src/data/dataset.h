/* data/dataset - windows of tokens by their number: the order is a function of seed and number, so
 * the only state of a training run's data is its position. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATASET_SOURCES_MAX 64

struct dataset;

struct dataset_source {
    const char *path; /* a folder that `data build` made */
    double weight;    /* its part of the windows, relative to the others; 0 in all: by their tokens,
                         as if they were one */
};

struct dataset_options {
    size_t time; /* tokens in a window */
    uint64_t seed;
    bool held_out; /* the held-out split instead, in order, each window once */
    bool check;    /* map and check all shards at once (else each when first used) */
};

/* All sources must have the same tokenizer. The files are mapped, not read. */
int dataset_open(const struct dataset_source *sources, size_t count,
                 const struct dataset_options *options, struct dataset **out, struct err *err);
void dataset_free(struct dataset *dataset);

size_t dataset_vocab(const struct dataset *dataset);
uint64_t dataset_tokenizer_hash(const struct dataset *dataset);
/* Says whether two are the same to train on: of the tokenizer, the weights and the shards'
 * checksums, wherever the folders lie. */
uint64_t dataset_hash(const struct dataset *dataset);
/* Path of the copy of the tokenizer in the first source. */
const char *dataset_tokenizer_path(const struct dataset *dataset);
/* Windows of one pass, each of `time` tokens that have a next one; of a held-out split: all there
 * are, each source's last one padded; 0 when nothing is held out. */
uint64_t dataset_windows(const struct dataset *dataset);
uint64_t dataset_tokens(const struct dataset *dataset);
/* Bytes of text that the tokens of the split stand for. The targets of a held-out split's windows
 * are all of its tokens but each source's first, which is bos where the tokenizer has it and stands
 * for no text. */
uint64_t dataset_text_bytes(const struct dataset *dataset);

/* Window `number` (any; each pass is a new permutation of its source, at another offset): tokens
 * (time), targets (time; -1 where there is no next token), first_key (time, may be NULL): where
 * each position's document begins in this window. A shard is mapped and all of it checked when a
 * window first needs it. One thread at a time. Returns 0 or a negative errno (-EBADMSG: a shard is
 * damaged; it is named). */
int dataset_window(struct dataset *dataset, uint64_t number, int32_t *tokens, int32_t *targets,
                   int32_t *first_key, struct err *err);

#endif
