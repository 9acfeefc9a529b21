#include "data/shards.h"

#include "base/crc32c.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 << 10)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "shards are written as they are in memory");

struct shards {
    char *folder;
    struct data_index *index;
    struct open_shard {
        int files[2]; /* tokens, ends of documents; -1: none is open */
    } splits[DATA_SPLITS];
    char *bytes; /* WRITE_BYTES of what goes out */
};

enum { TOKENS, ENDS };

static struct data_shard *last_shard(struct data_split_index *split)
{
    return split->shards.count ? &split->shards.items[split->shards.count - 1] : NULL;
}

/* Open a file to go on behind its first `bytes`. */
static int open_at(const char *path, uint64_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), r = fd;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if ((uint64_t)st.st_size < bytes)
        r = -EBADMSG;
    else if (ftruncate(fd, (off_t)bytes) < 0 || lseek(fd, (off_t)bytes, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        (void)close(fd);
    return r;
}

static int shard_error(const struct shards *shards, enum data_split split, bool ends, int r,
                       struct err *err)
{
    char *path =
        data_shard_path(shards->folder, split, shards->index->splits[split].shards.count - 1, ends);

    r = err_set(err, r, "%s: %s", path ? path : shards->folder,
                r == -EBADMSG ? "shorter than the interrupted build left it" : strerror(-r));
    free(path);
    return r;
}

/* Open the files of the split's last shard, at their ends. */
static int open_last(struct shards *shards, enum data_split split, struct err *err)
{
    struct data_split_index *index = &shards->index->splits[split];
    const struct data_shard *shard = last_shard(index);
    const uint64_t bytes[] = {shard->tokens * data_token_bytes(shards->index),
                              shard->documents * sizeof(uint32_t)};

    for (int i = TOKENS; i <= ENDS; i++) {
        char *path = data_shard_path(shards->folder, split, index->shards.count - 1, i == ENDS);
        int fd = path ? open_at(path, bytes[i]) : -ENOMEM;

        free(path);
        if (fd < 0)
            return shard_error(shards, split, i == ENDS, fd, err);
        shards->splits[split].files[i] = fd;
    }
    return 0;
}

static int close_last(struct shards *shards, enum data_split split, struct err *err)
{
    int r = 0;

    for (int i = TOKENS; i <= ENDS; i++) {
        int fd = shards->splits[split].files[i];

        if (fd >= 0 && fsync(fd) < 0 && r == 0)
            r = shard_error(shards, split, i == ENDS, -errno, err);
        if (fd >= 0)
            (void)close(fd);
        shards->splits[split].files[i] = -1;
    }
    return r;
}

int shards_open(const char *folder, struct data_index *index, struct shards **out, struct err *err)
{
    struct shards *shards = calloc(1, sizeof(*shards));
    int r = 0;

    if (!shards || !(shards->folder = strdup(folder)) || !(shards->bytes = malloc(WRITE_BYTES)))
        r = err_set(err, -ENOMEM, "%s: no memory to write it", folder);
    if (shards)
        for (size_t i = 0; i < DATA_SPLITS; i++)
            shards->splits[i] = (struct open_shard){{-1, -1}};
    if (r == 0)
        shards->index = index;
    for (size_t i = 0; i < DATA_SPLITS && r == 0; i++)
        if (last_shard(&index->splits[i]))
            r = open_last(shards, (enum data_split)i, err);
    if (r < 0)
        shards_free(shards);
    else
        *out = shards;
    return r;
}

void shards_free(struct shards *shards)
{
    if (!shards)
        return;
    for (size_t i = 0; i < DATA_SPLITS; i++)
        for (int k = TOKENS; k <= ENDS; k++)
            if (shards->splits[i].files[k] >= 0)
                (void)close(shards->splits[i].files[k]);
    free(shards->bytes);
    free(shards->folder);
    free(shards);
}

/* The shard that takes the next token. */
static int need_room(struct shards *shards, enum data_split split, struct err *err)
{
    struct data_split_index *index = &shards->index->splits[split];
    const struct data_shard *last = last_shard(index);
    int r;

    if (last && last->tokens < shards->index->shard_tokens)
        return 0;
    r = close_last(shards, split, err);
    if (r < 0)
        return r;
    if (index->shards.count == DATA_SHARDS_MAX)
        return err_set(err, -EFBIG, "%s: more than %d shards: give them more tokens each",
                       shards->folder, DATA_SHARDS_MAX);
    if (!vec_push(&index->shards))
        return err_set(err, -ENOMEM, "%s: no memory for another shard", shards->folder);
    return open_last(shards, split, err);
}

static size_t narrow(char *to, const int32_t *tokens, size_t count, size_t token_bytes)
{
    if (token_bytes == sizeof(*tokens))
        memcpy(to, tokens, count * sizeof(*tokens));
    else
        for (size_t i = 0; i < count; i++) {
            uint16_t token = (uint16_t)tokens[i];

            memcpy(to + i * sizeof(token), &token, sizeof(token));
        }
    return count * token_bytes;
}

/* Write `len` bytes and sum them up. */
static int put(struct shards *shards, enum data_split split, int which, const void *bytes,
               size_t len, struct err *err)
{
    struct data_shard *shard = last_shard(&shards->index->splits[split]);
    uint32_t *crc = which == ENDS ? &shard->ends_crc : &shard->crc;
    int r = file_put(shards->splits[split].files[which], bytes, len);

    if (r < 0)
        return shard_error(shards, split, which == ENDS, r, err);
    *crc = crc32c(*crc, bytes, len);
    return 0;
}

static int put_tokens(struct shards *shards, enum data_split split, const int32_t *tokens,
                      size_t count, struct err *err)
{
    size_t token_bytes = data_token_bytes(shards->index), at_once = WRITE_BYTES / token_bytes;

    for (size_t i = 0; i < count; i += at_once) {
        size_t n = count - i < at_once ? count - i : at_once;
        int r = put(shards, split, TOKENS, shards->bytes,
                    narrow(shards->bytes, tokens + i, n, token_bytes), err);

        if (r < 0)
            return r;
    }
    return 0;
}

/* The ends that lie in the next `count` tokens, of which the first is token `from` of the text. */
static int put_ends(struct shards *shards, enum data_split split, struct shard_text *text,
                    size_t from, size_t count, struct err *err)
{
    struct data_shard *shard = last_shard(&shards->index->splits[split]);
    size_t n = 0;

    while (text->end_count && *text->ends - from <= count) {
        uint32_t end = (uint32_t)(shard->tokens + (*text->ends - from));

        memcpy(shards->bytes + n * sizeof(end), &end, sizeof(end));
        n++;
        text->ends++;
        text->end_count--;
        if (n == WRITE_BYTES / sizeof(end) || !text->end_count || *text->ends - from > count) {
            int r = put(shards, split, ENDS, shards->bytes, n * sizeof(end), err);

            if (r < 0)
                return r;
            shard->documents += n;
            shards->index->splits[split].documents += n;
            n = 0;
        }
    }
    return 0;
}

int shards_add(struct shards *shards, enum data_split split, const struct shard_text *text,
               struct err *err)
{
    struct data_split_index *index = &shards->index->splits[split];
    struct shard_text left = *text;

    for (size_t at = 0, n; at < text->count; at += n) {
        uint64_t room;
        int r = need_room(shards, split, err);

        if (r < 0)
            return r;
        room = shards->index->shard_tokens - last_shard(index)->tokens;
        n = text->count - at < room ? text->count - at : (size_t)room;
        r = put_tokens(shards, split, text->tokens + at, n, err);
        if (r == 0)
            r = put_ends(shards, split, &left, at, n, err);
        if (r < 0)
            return r;
        last_shard(index)->tokens += n;
        index->tokens += n;
    }
    return 0;
}

int shards_sync(struct shards *shards, struct err *err)
{
    int folder = open(shards->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

    for (size_t i = 0; i < DATA_SPLITS; i++)
        for (int k = TOKENS; k <= ENDS; k++)
            if (shards->splits[i].files[k] >= 0 && fsync(shards->splits[i].files[k]) < 0 && r == 0)
                r = shard_error(shards, (enum data_split)i, k == ENDS, -errno, err);
    if (folder >= 0) {
        (void)fsync(folder); /* the names of new files; not every file system can */
        (void)close(folder);
    }
    return r;
}
