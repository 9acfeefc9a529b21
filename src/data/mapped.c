#include "data/mapped.h"

#include "base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_file(const char *path, uint64_t bytes, const void **out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
    struct stat st;
    void *p = NULL;

    if (fd < 0 || fstat(fd, &st) < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    else if ((uint64_t)st.st_size != bytes)
        r = err_set(err, -EBADMSG, "%s: has %llu bytes instead of %llu", path,
                    (unsigned long long)st.st_size, (unsigned long long)bytes);
    else if (bytes) {
        p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            r = err_set(err, -errno, "%s: cannot map it: %s", path, strerror(errno));
    }
    if (fd >= 0)
        (void)close(fd);
    if (r == 0)
        *out = p;
    return r;
}

/* Map a file of the shard and hold it against its checksum. */
static int map_checked(const char *folder, enum data_split split, size_t shard, bool ends,
                       uint64_t bytes, uint32_t crc, const void **out, struct err *err)
{
    char *path = data_shard_path(folder, split, shard, ends);
    int r = path ? map_file(path, bytes, out, err)
                 : err_set(err, -ENOMEM, "%s: no memory to map a shard", folder);

    if (r == 0 && crc32c(0, *out, bytes) != crc)
        r = err_set(err, -EBADMSG, "%s: its checksum is wrong", path);
    free(path);
    return r;
}

/* What a wrong program may have summed up correctly. */
static bool makes_sense(const struct mapped *m, uint64_t vocab)
{
    uint32_t before = 0;
    int32_t most = 0;

    for (uint64_t i = 0; i < m->token_count; i++) {
        int32_t token = mapped_token(m, i);

        if (token < 0)
            return false;
        most = token > most ? token : most;
    }
    for (uint64_t i = 0; i < m->end_count; i++) {
        if (m->ends[i] <= before || m->ends[i] > m->token_count)
            return false;
        before = m->ends[i];
    }
    return (uint64_t)most < vocab;
}

int mapped_open(const char *folder, const struct data_index *index, enum data_split split,
                size_t shard, struct mapped *out, struct err *err)
{
    const struct data_shard *row = &index->splits[split].shards.items[shard];
    struct mapped m = {.token_count = row->tokens,
                       .end_count = row->documents,
                       .token_bytes = data_token_bytes(index)};
    int r = map_checked(folder, split, shard, false, m.token_count * m.token_bytes, row->crc,
                        &m.tokens, err);

    if (r == 0)
        r = map_checked(folder, split, shard, true, m.end_count * sizeof(*m.ends), row->ends_crc,
                        (const void **)&m.ends, err);
    if (r == 0 && !makes_sense(&m, index->vocab))
        r = err_set(err, -EBADMSG, "%s: %s shard %zu: tokens or documents beyond their bounds",
                    folder, data_split_name(split), shard);
    if (r < 0)
        mapped_done(&m);
    else
        *out = m;
    return r;
}

void mapped_done(struct mapped *mapped)
{
    if (mapped->tokens)
        (void)munmap((void *)mapped->tokens, mapped->token_count * mapped->token_bytes);
    if (mapped->ends)
        (void)munmap((void *)mapped->ends, mapped->end_count * sizeof(*mapped->ends));
    *mapped = (struct mapped){0};
}
