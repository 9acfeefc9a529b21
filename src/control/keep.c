#include "control/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (KEEP_BYTES_MAX / 2)

static bool path_of(char path[PATH_MAX], const char *folder, uint32_t rank, const char *end)
{
    return snprintf(path, PATH_MAX, "%s/rank-%u.forwarded%s", folder, rank, end) < PATH_MAX;
}

static void make_folders(const char *run_dir, const char *node, const char *folder)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/nodes", run_dir);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/nodes/%s", run_dir, node);
    (void)mkdir(path, 0700);
    (void)mkdir(folder, 0700);
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The file that grows; a full one becomes the old one. */
static int open_for(const char *path, const char *old, size_t len)
{
    int fd = open_file(path);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size || st.st_size + (off_t)len <= FILE_BYTES)
        return fd;
    (void)close(fd);
    return rename(path, old) < 0 ? -1 : open_file(path);
}

void keep_add(const char *run_dir, const char *node, uint32_t attempt, uint32_t rank,
              struct str bytes)
{
    char folder[PATH_MAX], path[PATH_MAX], old[PATH_MAX];
    int fd;

    if (strchr(node, '/') || node[0] == '.' ||
        snprintf(folder, sizeof(folder), "%s/nodes/%s/attempt-%u", run_dir, node, attempt) >=
            PATH_MAX ||
        !path_of(path, folder, rank, "") || !path_of(old, folder, rank, ".old"))
        return;
    if (bytes.len > FILE_BYTES)
        bytes = str_skip(bytes, bytes.len - FILE_BYTES);
    fd = open_for(path, old, bytes.len);
    if (fd < 0 && errno == ENOENT) {
        make_folders(run_dir, node, folder);
        fd = open_file(path);
    }
    if (fd < 0)
        return;
    (void)!write(fd, bytes.p, bytes.len);
    (void)close(fd);
}

/* Up to `max` bytes of one file from `at`; *size is all of it. */
static int read_file(const char *path, int64_t at, char *out, size_t max, int64_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ssize_t got = 0;

    *size = 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        got = -1;
    else if (max && at < st.st_size)
        got = pread(fd, out, max, at);
    if (got >= 0)
        *size = st.st_size;
    got = got < 0 ? -errno : got;
    (void)close(fd);
    return (int)got;
}

int keep_read(struct arena *arena, const char *folder, const struct msg_log_read *ask,
              struct msg_log_data *part, struct err *err)
{
    char path[PATH_MAX], old[PATH_MAX], *out;
    int64_t before, after;
    int r;

    if (!path_of(path, folder, ask->rank, "") || !path_of(old, folder, ask->rank, ".old"))
        return err_set(err, -ENAMETOOLONG, "%s: the name is too long", folder);
    out = arena_alloc(arena, ask->bytes_max ? ask->bytes_max : 1);
    if (!out)
        return err_set(err, -ENOMEM, "no memory for what rank %u printed", ask->rank);
    r = read_file(old, 0, NULL, 0, &before);
    if (r == 0)
        r = read_file(path, 0, NULL, 0, &after);
    if (r == 0) {
        part->log_size = before + after;
        part->offset = ask->offset < 0 ? part->log_size + ask->offset : ask->offset;
        if (part->offset < 0)
            part->offset = 0;
        r = part->offset < before
                ? read_file(old, part->offset, out, ask->bytes_max, &before)
                : read_file(path, part->offset - before, out, ask->bytes_max, &after);
    }
    if (r < 0)
        return err_set(err, r, "what rank %u printed, in %s: %s", ask->rank, folder, strerror(-r));
    part->bytes = (struct str){out, (size_t)r};
    return 0;
}
