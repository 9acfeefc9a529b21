/* base/hash - 64-bit hashes (XXH3, from libxxhash) for tables and signatures. Not for secrets. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t low, high;
};

uint64_t hash64(const void *bytes, size_t len);
struct hash128 hash128(const void *bytes, size_t len);

/* hash64 of what is read from `fd` to its end; *bytes: how many those were. Returns 0, a negative
 * errno of read, or -ENOMEM. */
int hash64_fd(int fd, uint64_t *hash, uint64_t *bytes);

/* hash64 of what comes in pieces. NULL: no memory. */
struct hash64_stream;
struct hash64_stream *hash64_stream_new(void);
void hash64_stream_free(struct hash64_stream *stream);
void hash64_stream_add(struct hash64_stream *stream, const void *bytes, size_t len);
uint64_t hash64_stream_value(const struct hash64_stream *stream); /* of what came so far */

/* Fold `value` into `seed`; order matters. */
static inline uint64_t hash_mix(uint64_t seed, uint64_t value)
{
    uint64_t x = (seed ^ value) * 0x9e3779b97f4a7c15u + (seed << 23 | seed >> 41);

    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 29;
}

#endif
