#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

struct hash128 hash128(const void *bytes, size_t len)
{
    XXH128_hash_t h = XXH3_128bits(bytes, len);

    return (struct hash128){h.low64, h.high64};
}

struct hash64_stream {
    XXH3_state_t state;
};

struct hash64_stream *hash64_stream_new(void)
{
    /* The state's own alignment is more than malloc's; its size is a multiple of it. */
    struct hash64_stream *stream = aligned_alloc(_Alignof(struct hash64_stream), sizeof(*stream));

    if (stream) {
        XXH3_INITSTATE(&stream->state);
        (void)XXH3_64bits_reset(&stream->state);
    }
    return stream;
}

void hash64_stream_free(struct hash64_stream *stream)
{
    free(stream);
}

void hash64_stream_add(struct hash64_stream *stream, const void *bytes, size_t len)
{
    (void)XXH3_64bits_update(&stream->state, bytes, len);
}

uint64_t hash64_stream_value(const struct hash64_stream *stream)
{
    return XXH3_64bits_digest(&stream->state);
}

#define READ_BYTES ((size_t)256 << 10)

static int hash_to_end(struct hash64_stream *stream, char *block, int fd, uint64_t *bytes)
{
    ssize_t n;

    *bytes = 0;
    while ((n = read(fd, block, READ_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        hash64_stream_add(stream, block, (size_t)n);
        *bytes += (uint64_t)n;
    }
    return 0;
}

int hash64_fd(int fd, uint64_t *hash, uint64_t *bytes)
{
    struct hash64_stream *stream = hash64_stream_new();
    char *block = malloc(READ_BYTES);
    int r = -ENOMEM;

    if (stream && block)
        r = hash_to_end(stream, block, fd, bytes);
    if (r == 0)
        *hash = hash64_stream_value(stream);
    free(block);
    hash64_stream_free(stream);
    return r;
}
