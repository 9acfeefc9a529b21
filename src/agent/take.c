#include "agent/take.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 100000 /* in one folder */
/* Of one read: /proc/sys answers ENOMEM to 4 MiB and more. */
#define READ_BYTES ((size_t)64 << 10)

int take_init(struct taken *taken, struct arena *arena, const char *root, size_t bytes_max,
              size_t entries_max)
{
    *taken = (struct taken){
        .arena = arena, .root = root, .bytes_max = bytes_max, .entries_max = entries_max};
    taken->buffer = malloc(TAKE_FILE_BYTES_MAX + 1);
    return taken->buffer ? 0 : -ENOMEM;
}

void take_done(struct taken *taken)
{
    vec_done(&taken->entries);
    vec_done(&taken->notes);
    free(taken->buffer);
}

static int note(struct taken *taken, const struct catalogue_files *row, const char *path,
                enum manifest_status status, int error, size_t bytes)
{
    const char *name = strrchr(path, '/');
    struct take_note *n;

    name = name ? name + 1 : path;
    for (size_t i = 0; i < taken->notes.count; i++) {
        n = &taken->notes.items[i];
        if (n->dir == row->dir && n->status == status && n->error == error &&
            n->link == row->links && !strcmp(n->name, name)) {
            n->count++;
            n->bytes += bytes;
            return 0;
        }
    }
    n = vec_push(&taken->notes);
    if (!n)
        return -ENOMEM;
    *n = (struct take_note){.dir = row->dir,
                            .name = arena_copy(taken->arena, name, strlen(name)),
                            .first = arena_copy(taken->arena, path, strlen(path)),
                            .status = status,
                            .link = row->links,
                            .error = error,
                            .count = 1,
                            .bytes = bytes};
    return n->name && n->first ? 0 : -ENOMEM;
}

/* Kernel files answer so where the thing does not exist: the speed of a link that is down, the GID
 * type of an empty slot. That is no failure. */
static bool means_nothing_there(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EINVAL || error == ENODEV ||
           error == EOPNOTSUPP || error == ENODATA || error == ENXIO || error == ENOTSUP ||
           error == ELOOP;
}

int take_bytes(struct taken *taken, const char *path, struct str bytes, bool link)
{
    struct tree_entry *entry;

    if (taken->entries.count >= taken->entries_max || bytes.len > taken->bytes_max - taken->bytes)
        return -EFBIG;
    entry = vec_push(&taken->entries);
    if (!entry)
        return -ENOMEM;
    entry->path = arena_copy(taken->arena, path, strlen(path));
    if (!entry->path) {
        taken->entries.count--;
        return -ENOMEM;
    }
    entry->bytes = bytes;
    entry->link = link;
    taken->bytes += bytes.len;
    return 0;
}

static int keep(struct taken *taken, const char *path, size_t len, bool link)
{
    const char *copy = arena_copy(taken->arena, taken->buffer, len);

    if (!copy)
        return -ENOMEM;
    if (link)
        taken->links++;
    else
        taken->files++;
    return take_bytes(taken, path, (struct str){copy, len}, link);
}

/* Returns the bytes read, or a negative errno. *size is what the file says of itself. */
static ssize_t read_file(struct taken *taken, const char *full, size_t *size)
{
    struct stat st;
    size_t len = 0;
    ssize_t got;
    int fd = open(full, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return -ENOENT;
    }
    *size = st.st_size > 0 ? (size_t)st.st_size : 0;
    do {
        size_t room = TAKE_FILE_BYTES_MAX + 1 - len;

        got = read(fd, taken->buffer + len, room < READ_BYTES ? room : READ_BYTES);
        if (got > 0)
            len += (size_t)got;
    } while (len <= TAKE_FILE_BYTES_MAX && (got > 0 || (got < 0 && errno == EINTR)));
    if (got < 0) {
        int error = errno;

        (void)close(fd);
        return -error;
    }
    (void)close(fd);
    return (ssize_t)len;
}

static int take_one(struct taken *taken, const struct catalogue_files *row, const char *path)
{
    bool config = str_ends(str_of(path), "/config") && str_starts(str_of(path), "sys/bus/pci/");
    char full[PATH_MAX];
    size_t size = 0;
    ssize_t len;
    int r;

    if ((size_t)snprintf(full, sizeof(full), "%s/%s", taken->root, path) >= sizeof(full))
        return 0;
    if (row->links) {
        len = readlink(full, taken->buffer, PATH_MAX);
        len = len < 0 ? -errno : len;
    } else {
        len = read_file(taken, full, &size);
    }
    if (len == -EACCES || len == -EPERM)
        return note(taken, row, path, MANIFEST_DENIED, (int)-len, 0);
    if (len < 0)
        return means_nothing_there((int)-len)
                   ? 0
                   : note(taken, row, path, MANIFEST_FAILED, (int)-len, 0);
    if ((size_t)len > TAKE_FILE_BYTES_MAX) {
        len = (ssize_t)TAKE_FILE_BYTES_MAX;
        r = note(taken, row, path, MANIFEST_CUT, 0, (size_t)len);
        if (r < 0)
            return r;
    }
    /* Without root the kernel gives the first 64 bytes of a device's config and no error. */
    if (config && (size_t)len <= 64 && size > (size_t)len) {
        r = note(taken, row, path, MANIFEST_DENIED, 0, (size_t)len);
        if (r < 0)
            return r;
    }
    return keep(taken, path, (size_t)len, row->links);
}

static bool has_glob(struct str text)
{
    return text.len && (memchr(text.p, '*', text.len) || memchr(text.p, '?', text.len));
}

/* The names in a folder; none when it is not there. Denied folders are noted. */
static long list(struct taken *taken, const struct catalogue_files *row, const char *dir,
                 const char *const **names)
{
    char full[PATH_MAX];
    long count;

    if ((size_t)snprintf(full, sizeof(full), "%s/%s", taken->root, dir) >= sizeof(full))
        return 0;
    count = file_list(taken->arena, full, NAMES_MAX, names, NULL);
    if (count == -EACCES || count == -EPERM)
        return note(taken, row, dir, MANIFEST_DENIED, (int)-count, 0);
    if (count < 0 && count != -ENOMEM)
        return means_nothing_there((int)-count)
                   ? 0
                   : note(taken, row, dir, MANIFEST_FAILED, (int)-count, 0);
    return count;
}

static int take_name(struct taken *taken, const struct catalogue_files *row, const char *dir,
                     struct str name)
{
    const char *path = arena_printf(taken->arena, "%s/%.*s", dir, STR_ARG(name));

    return path ? take_one(taken, row, path) : -ENOMEM;
}

/* In one real folder: each of the row's names. The folder is listed at most once. */
static int take_folder(struct taken *taken, const struct catalogue_files *row, const char *dir)
{
    struct str rest = str_of(row->names), pattern;
    const char *const *names = NULL;
    long count = -1;
    int r = 0;

    while (r == 0 && str_word(&rest, &pattern)) {
        char *glob;

        if (!has_glob(pattern)) {
            r = take_name(taken, row, dir, pattern);
            continue;
        }
        if (count < 0)
            count = list(taken, row, dir, &names);
        if (count < 0)
            return (int)count;
        glob = arena_copy(taken->arena, pattern.p, pattern.len);
        if (!glob)
            return -ENOMEM;
        for (long i = 0; r == 0 && i < count; i++)
            if (str_glob(glob, str_of(names[i])))
                r = take_name(taken, row, dir, str_of(names[i]));
    }
    return r;
}

/* Has the folder what the row needs? Asked at the first '*' of a row's dir only. */
static bool has_needed(const struct taken *taken, const struct catalogue_files *row,
                       const char *below)
{
    const char *star = strchr(row->dir, '*');
    char full[PATH_MAX];
    size_t slashes = 0, depth = 0;

    if (!row->needs || !star)
        return true;
    for (const char *p = row->dir; p < star; p++)
        slashes += *p == '/';
    for (const char *p = below; *p; p++)
        depth += *p == '/';
    if (depth != slashes)
        return true;
    return (size_t)snprintf(full, sizeof(full), "%s/%s/%s", taken->root, below, row->needs) <
               sizeof(full) &&
           faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Go down `pattern`, part by part, below the real folder `dir`. Links to folders are followed: what
 * sysfs keeps under class/ and bus/ are links. */
static int descend(struct taken *taken, const struct catalogue_files *row, const char *dir,
                   struct str pattern)
{
    const char *const *names;
    struct str part;
    char *glob;
    long count;
    int r = 0;

    if (!str_cut(&pattern, '/', &part))
        return take_folder(taken, row, dir);
    glob = arena_copy(taken->arena, part.p, part.len);
    if (!glob)
        return -ENOMEM;
    if (!has_glob(part)) {
        const char *below = *dir ? arena_printf(taken->arena, "%s/%s", dir, glob) : glob;

        return below ? descend(taken, row, below, pattern) : -ENOMEM;
    }
    count = list(taken, row, dir, &names);
    for (long i = 0; r == 0 && i < count; i++) {
        if (str_glob(glob, str_of(names[i]))) {
            const char *below = arena_printf(taken->arena, "%s/%s", dir, names[i]);

            if (!below)
                return -ENOMEM;
            if (has_needed(taken, row, below))
                r = descend(taken, row, below, pattern);
        }
    }
    return count < 0 ? (int)count : r;
}

int take_files(struct taken *taken, const struct catalogue_files *row)
{
    return descend(taken, row, "", str_of(row->dir));
}
