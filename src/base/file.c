#include "base/file.h"

#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t size_hint, size_t bytes_max, char **text, size_t *len)
{
    size_t space = size_hint + 1, used = 0;
    char *p = malloc(space + 1);
    int r;

    if (!p)
        return -ENOMEM;
    for (;;) {
        ssize_t got;

        if (used == space) {
            char *more;

            space *= 2;
            more = realloc(p, space + 1);
            if (!more) {
                r = -ENOMEM;
                goto fail;
            }
            p = more;
        }
        got = read(fd, p + used, space - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            r = -errno;
            goto fail;
        }
        if (got == 0)
            break;
        used += (size_t)got;
        if (used > bytes_max) {
            r = -EFBIG;
            goto fail;
        }
    }
    p[used] = '\0';
    *text = p;
    *len = used;
    return 0;
fail:
    free(p);
    return r;
}

/* What went wrong with a file, as a sentence. */
static int read_error(const char *path, int r, size_t bytes_max, struct err *err)
{
    if (r == -EFBIG)
        return err_set(err, r, "%s: larger than the %zu MiB that firstlight reads of one file",
                       path, bytes_max >> 20);
    if (r == -EINVAL)
        return err_set(err, r, "%s: not a regular file", path);
    return err_set(err, r, "%s: %s", path, strerror(-r));
}

int file_read(const char *path, size_t bytes_max, char **text, size_t *len, struct err *err)
{
    struct stat st;
    int fd, r;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (S_ISDIR(st.st_mode))
        r = -EISDIR;
    else if (!S_ISREG(st.st_mode))
        r = -EINVAL;
    else if (st.st_size > 0 && (size_t)st.st_size > bytes_max)
        r = -EFBIG;
    else
        r = read_all(fd, st.st_size > 0 ? (size_t)st.st_size : 4096, bytes_max, text, len);
    (void)close(fd);
    return r < 0 ? read_error(path, r, bytes_max, err) : 0;
}

int file_read_stream(int fd, const char *name, size_t bytes_max, char **text, size_t *len,
                     struct err *err)
{
    int r = read_all(fd, 65536, bytes_max, text, len);

    return r < 0 ? read_error(name, r, bytes_max, err) : 0;
}

int file_put(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len) {
        ssize_t put = write(fd, p, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        p += put;
        len -= (size_t)put;
    }
    return 0;
}

int file_read_at(int fd, void *bytes, size_t len, uint64_t at)
{
    char *p = bytes;

    while (len) {
        ssize_t got = pread(fd, p, len, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EBADMSG;
        p += got;
        at += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

/* What is no file and no folder (/dev/stdout, a pipe) is written into: a rename would replace it.
 */
static bool is_special(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int write_into(const char *path, const void *bytes, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), r;

    r = fd < 0 ? -errno : file_put(fd, bytes, len);
    if (fd >= 0 && close(fd) < 0 && r == 0)
        r = -errno;
    return r < 0 ? err_set(err, r, "%s: cannot write: %s", path, strerror(-r)) : 0;
}

static int write_with_mode(const char *path, const void *bytes, size_t len, mode_t mode, bool wait,
                           struct err *err)
{
    char *temp = NULL;
    int fd = -1, r;

    if (is_special(path))
        return write_into(path, bytes, len, err);
    if (asprintf(&temp, "%s.%ld.part", path, (long)getpid()) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to write it", path);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    r = fd < 0 ? -errno : file_put(fd, bytes, len);
    if (r == 0 && wait && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        r = -errno;
    if (fd >= 0 && close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(temp, path) < 0)
        r = -errno;
    if (r < 0) {
        err_set(err, r, "%s: cannot write: %s", path, strerror(-r));
        if (fd >= 0)
            (void)unlink(temp);
    }
    free(temp);
    return r;
}

int file_write(const char *path, const void *bytes, size_t len, struct err *err)
{
    return write_with_mode(path, bytes, len, 0644, true, err);
}

int file_write_private(const char *path, const void *bytes, size_t len, struct err *err)
{
    return write_with_mode(path, bytes, len, 0600, true, err);
}

int file_write_private_soon(const char *path, const void *bytes, size_t len, struct err *err)
{
    return write_with_mode(path, bytes, len, 0600, false, err);
}

static int by_version(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

long file_list(struct arena *arena, const char *path, size_t names_max, const char *const **names,
               struct err *err)
{
    VEC(const char *) list = {0};
    struct dirent *entry;
    const char **out;
    long r;
    DIR *dir = opendir(path);

    if (!dir)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    while (errno = 0, (entry = readdir(dir))) {
        const char **slot;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (list.count == names_max) {
            r = err_set(err, -EFBIG, "%s: more than %zu names in one folder", path, names_max);
            goto done;
        }
        slot = vec_push(&list);
        if (!slot || !(*slot = arena_copy(arena, entry->d_name, strlen(entry->d_name)))) {
            r = err_set(err, -ENOMEM, "%s: no memory to list it", path);
            goto done;
        }
    }
    if (errno) {
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
        goto done;
    }
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_version);
    out = arena_alloc(arena, (list.count + 1) * sizeof(*out));
    if (!out) {
        r = err_set(err, -ENOMEM, "%s: no memory to list it", path);
        goto done;
    }
    if (list.count)
        memcpy(out, list.items, list.count * sizeof(*out));
    *names = out;
    r = (long)list.count;
done:
    vec_done(&list);
    (void)closedir(dir);
    return r;
}
