/* data/shards - tokens of both splits into shard files, in their order. */
#ifndef DATA_SHARDS_H
#define DATA_SHARDS_H

#include "data/index.h"

/* What is added at once to one split. */
struct shard_text {
    const int32_t *tokens;
    size_t count;
    const size_t *ends; /* rising; each 1 to `count`: a document ends before that token */
    size_t end_count;
};

struct shards;

/* Go on where `index` says; what the files have beyond it is cut off. The index is the caller's and
 * is kept up to date with what is written. Returns 0 or a negative errno with a sentence. */
int shards_open(const char *folder, struct data_index *index, struct shards **out, struct err *err);
void shards_free(struct shards *shards);

int shards_add(struct shards *shards, enum data_split split, const struct shard_text *text,
               struct err *err);

/* Wait until all of it is on the disk. */
int shards_sync(struct shards *shards, struct err *err);

#endif
