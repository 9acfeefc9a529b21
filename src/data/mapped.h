/* data/mapped - one shard in memory, as it lies on the disk. */
#ifndef DATA_MAPPED_H
#define DATA_MAPPED_H

#include "data/index.h"

struct mapped {
    const void *tokens;   /* of data_token_bytes each; NULL: not mapped */
    const uint32_t *ends; /* where its documents end: rising, 1 to the shard's tokens */
    uint64_t token_count, end_count;
    size_t token_bytes;
};

/* Map shard `shard` and read all of it once: sizes, checksums, that every token is in the
 * vocabulary and the ends rise. Returns 0, -EBADMSG naming the file, or another negative errno. */
int mapped_open(const char *folder, const struct data_index *index, enum data_split split,
                size_t shard, struct mapped *out, struct err *err);
void mapped_done(struct mapped *mapped);

static inline int32_t mapped_token(const struct mapped *mapped, uint64_t i)
{
    return mapped->token_bytes == 2 ? ((const uint16_t *)mapped->tokens)[i]
                                    : ((const int32_t *)mapped->tokens)[i];
}

#endif
