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
    double weight;    /* its part of the windows, relative to the others; 0: by its tokens */
};

struct dataset_options {
    size_t time; /* tokens in a window */
    uint64_t seed;
    bool held_out; /* the held-out split instead, in order, each window once */
    bool check;    /* verify the checksums of all shards at once (else each when first used) */
};

/* All sources must have the same tokenizer. The files are mapped, not read. */
int dataset_open(const struct dataset_source *sources, size_t count,
                 const struct dataset_options *options, struct dataset **out, struct err *err);
void dataset_free(struct dataset *dataset);

size_t dataset_vocab(const struct dataset *dataset);
uint64_t dataset_tokenizer_hash(const struct dataset *dataset);
/* Path of the copy of the tokenizer in the first source. */
const char *dataset_tokenizer_path(const struct dataset *dataset);
/* Windows of one pass; of a held-out split: all there are. */
uint64_t dataset_windows(const struct dataset *dataset);
uint64_t dataset_tokens(const struct dataset *dataset);
/* Bytes of text of the windows of a held-out split, for bits per byte. */
uint64_t dataset_text_bytes(const struct dataset *dataset);

/* Window `number` (any; each pass is a new permutation of its source): tokens (time), targets
 * (time; -1 at padding), first_key (time, may be NULL): where each position's document begins in
 * this window. Returns 0 or a negative errno (-EBADMSG: a shard's checksum is wrong; it is named).
 */
int dataset_window(struct dataset *dataset, uint64_t number, int32_t *tokens, int32_t *targets,
                   int32_t *first_key, struct err *err);

#endif
