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

#define READ_BYTES ((size_t)256 << 10)

static int hash_stream(XXH3_state_t *state, char *block, int fd, uint64_t *bytes)
{
    ssize_t n;

    (void)XXH3_64bits_reset(state);
    *bytes = 0;
    while ((n = read(fd, block, READ_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        (void)XXH3_64bits_update(state, block, (size_t)n);
        *bytes += (uint64_t)n;
    }
    return 0;
}

int hash64_fd(int fd, uint64_t *hash, uint64_t *bytes)
{
    XXH3_state_t *state = XXH3_createState();
    char *block = malloc(READ_BYTES);
    int r = -ENOMEM;

    if (state && block)
        r = hash_stream(state, block, fd, bytes);
    if (r == 0)
        *hash = XXH3_64bits_digest(state);
    free(block);
    (void)XXH3_freeState(state);
    return r;
}
