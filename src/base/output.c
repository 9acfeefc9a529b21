#include "base/output.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* So much is handed to the disk at a time, lest the sync at the end takes long and dirty pages fill
 * the memory. */
#define START_BYTES ((uint64_t)32 << 20)

static int failed(const struct output *output, int r, struct err *err)
{
    return err_set(err, r, "%s: cannot write: %s", output->path, strerror(-r));
}

static void forget(struct output *output)
{
    if (output->fd >= 0)
        (void)close(output->fd);
    hash64_stream_free(output->hash);
    free(output->path);
    free(output->temp);
    *output = (struct output){.fd = -1};
}

int output_open(struct output *output, const char *path, bool hash, struct err *err)
{
    uint64_t tag;
    int r = 0;

    *output = (struct output){.fd = -1};
    if (getrandom(&tag, sizeof(tag), 0) != sizeof(tag))
        return err_set(err, -EIO, "%s: no random number for a name", path);
    output->path = strdup(path);
    output->hash = hash ? hash64_stream_new() : NULL;
    if (asprintf(&output->temp, "%s.%016" PRIx64 ".tmp", path, tag) < 0)
        output->temp = NULL;
    if (!output->path || !output->temp || (hash && !output->hash)) {
        r = err_set(err, -ENOMEM, "%s: no memory to write it", path);
    } else {
        output->fd = open(output->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (output->fd < 0)
            r = failed(output, -errno, err);
    }
    if (r < 0)
        forget(output);
    return r;
}

int output_put(struct output *output, const void *bytes, size_t len, struct err *err)
{
    const char *p = bytes;

    if (output->hash)
        hash64_stream_add(output->hash, bytes, len);
    while (len > 0) {
        ssize_t put = write(output->fd, p, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(output, -errno, err);
        p += put;
        len -= (size_t)put;
        output->bytes += (uint64_t)put;
    }
    if (output->bytes - output->started >= START_BYTES) {
        /* A hint: where it is not known, the sync at the end does it all. */
        (void)sync_file_range(output->fd, (off_t)output->started,
                              (off_t)(output->bytes - output->started), SYNC_FILE_RANGE_WRITE);
        output->started = output->bytes;
    }
    return 0;
}

int output_end(struct output *output, uint64_t *hash, struct err *err)
{
    int r = 0, fd = output->fd;

    if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        r = -errno;
    output->fd = -1;
    if (close(fd) < 0 && r == 0) /* NFS tells of a full disk here */
        r = -errno;
    if (r == 0 && rename(output->temp, output->path) < 0)
        r = -errno;
    if (r < 0) {
        failed(output, r, err);
        (void)unlink(output->temp);
    } else if (hash && output->hash) {
        *hash = hash64_stream_value(output->hash);
    }
    forget(output);
    return r;
}

void output_drop(struct output *output)
{
    if (output->temp)
        (void)unlink(output->temp);
    forget(output);
}
