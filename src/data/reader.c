#include "data/reader.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define IN_BYTES       ((size_t)256 << 10)
#define WINDOW_LOG_MAX 31 /* what `zstd --long=31` makes */

enum packing { PLAIN, ZSTD, GZIP };

struct reader {
    char *path;
    int fd;
    enum packing packing;
    uint64_t at; /* of what comes out */
    char *packed;
    size_t have, used; /* of `packed` */
    bool file_ended;
    size_t frame_left; /* not 0: a frame of zstd, or gzip's member, has begun and not ended */
    ZSTD_DStream *zstd;
    z_stream gzip;
};

static enum packing packing_of(struct str name)
{
    return str_ends(name, ".zst") ? ZSTD : str_ends(name, ".gz") ? GZIP : PLAIN;
}

bool reader_is_packed(const char *name, size_t *stem)
{
    static const size_t suffix[] = {[PLAIN] = 0, [ZSTD] = 4, [GZIP] = 3};
    struct str text = str_of(name);
    enum packing packing = packing_of(text);

    *stem = text.len - suffix[packing];
    return packing != PLAIN;
}

static int start_unpacking(struct reader *reader)
{
    if (reader->packing == PLAIN)
        return 0;
    reader->packed = malloc(IN_BYTES);
    if (!reader->packed)
        return -ENOMEM;
    if (reader->packing == GZIP)
        return inflateInit2(&reader->gzip, 15 + 16) == Z_OK ? 0 : -ENOMEM;
    reader->zstd = ZSTD_createDStream();
    if (!reader->zstd)
        return -ENOMEM;
    (void)ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return 0;
}

int reader_open(const char *path, struct reader **out, struct err *err)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    int r;

    if (!reader)
        return err_set(err, -ENOMEM, "%s: no memory to read it", path);
    reader->fd = -1;
    reader->packing = packing_of(str_of(path));
    reader->path = strdup(path);
    r = reader->path ? start_unpacking(reader) : -ENOMEM;
    if (r == 0) {
        reader->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        r = reader->fd < 0 ? -errno : 0;
    }
    if (r < 0) {
        reader_free(reader);
        return err_set(err, r, "%s: %s", path, strerror(-r));
    }
    (void)posix_fadvise(reader->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = reader;
    return 0;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    if (reader->packing == GZIP && reader->packed)
        (void)inflateEnd(&reader->gzip);
    (void)ZSTD_freeDStream(reader->zstd);
    if (reader->fd >= 0)
        (void)close(reader->fd);
    free(reader->packed);
    free(reader->path);
    free(reader);
}

static long read_file(struct reader *reader, void *bytes, size_t len, struct err *err)
{
    ssize_t got;

    do
        got = read(reader->fd, bytes, len);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(err, -errno, "%s: %s", reader->path, strerror(errno));
    return (long)got;
}

/* One round of unpacking. Returns the bytes that came out (0: go on, or the end), -EBADMSG. */
static long unpack_zstd(struct reader *reader, void *bytes, size_t len)
{
    ZSTD_inBuffer in = {reader->packed, reader->have, reader->used};
    ZSTD_outBuffer out = {bytes, len, 0};
    size_t left = ZSTD_decompressStream(reader->zstd, &out, &in);

    if (ZSTD_isError(left))
        return -EBADMSG;
    reader->used = in.pos;
    reader->frame_left = left;
    return (long)out.pos;
}

static long unpack_gzip(struct reader *reader, void *bytes, size_t len)
{
    z_stream *z = &reader->gzip;
    int r;

    if (!reader->frame_left && reader->used < reader->have && inflateReset(z) != Z_OK)
        return -EBADMSG; /* the next member */
    z->next_in = (Bytef *)reader->packed + reader->used;
    z->avail_in = (uInt)(reader->have - reader->used);
    z->next_out = bytes;
    z->avail_out = (uInt)(len < UINT32_MAX ? len : UINT32_MAX);
    r = inflate(z, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return -EBADMSG;
    reader->used = reader->have - z->avail_in;
    reader->frame_left = r != Z_STREAM_END;
    return (char *)z->next_out - (char *)bytes;
}

static long read_packed(struct reader *reader, char *bytes, size_t len, struct err *err)
{
    for (;;) {
        size_t used = reader->used;
        long got;

        if (reader->used == reader->have && !reader->file_ended) {
            got = read_file(reader, reader->packed, IN_BYTES, err);
            if (got < 0)
                return got;
            reader->file_ended = got == 0;
            reader->used = used = 0;
            reader->have = (size_t)got;
        }
        if (reader->used == reader->have && !reader->frame_left)
            return 0;
        got = reader->packing == ZSTD ? unpack_zstd(reader, bytes, len)
                                      : unpack_gzip(reader, bytes, len);
        if (got < 0)
            return err_set(err, -EBADMSG,
                           "%s: what is compressed is broken after %llu bytes of text",
                           reader->path, (unsigned long long)reader->at);
        if (got > 0)
            return got;
        if (reader->used == used && reader->used == reader->have && reader->file_ended &&
            reader->frame_left)
            return err_set(err, -EBADMSG,
                           "%s: what is compressed is cut off after %llu bytes of text",
                           reader->path, (unsigned long long)reader->at);
    }
}

long reader_read(struct reader *reader, void *bytes, size_t len, struct err *err)
{
    size_t have = 0;

    while (have < len) {
        char *to = (char *)bytes + have;
        long got = reader->packing == PLAIN ? read_file(reader, to, len - have, err)
                                            : read_packed(reader, to, len - have, err);

        if (got < 0)
            return got;
        if (got == 0)
            break;
        have += (size_t)got;
        reader->at += (size_t)got;
    }
    return (long)have;
}

int reader_skip_to(struct reader *reader, uint64_t offset, struct err *err)
{
    char dropped[16 << 10];

    if (reader->packing == PLAIN) {
        if (lseek(reader->fd, (off_t)offset, SEEK_SET) < 0)
            return err_set(err, -errno, "%s: %s", reader->path, strerror(errno));
        reader->at = offset;
        return 0;
    }
    while (reader->at < offset) {
        uint64_t left = offset - reader->at;
        long got =
            reader_read(reader, dropped, left < sizeof(dropped) ? left : sizeof(dropped), err);

        if (got < 0)
            return (int)got;
        if (got == 0)
            return err_set(err, -EBADMSG, "%s: it ends before byte %llu", reader->path,
                           (unsigned long long)offset);
    }
    return 0;
}

int reader_stamp(const struct reader *reader, uint64_t *bytes, int64_t *mtime_ns, struct err *err)
{
    struct stat st;

    if (fstat(reader->fd, &st) < 0)
        return err_set(err, -errno, "%s: %s", reader->path, strerror(errno));
    *bytes = (uint64_t)st.st_size;
    *mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return 0;
}
