#include "base/manifest.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_LINE "firstlight checkpoint 1 step "
#define HASH_CHARS 16

struct list {
    struct arena *arena;
    VEC(const char *) names;
    struct err *err;
};

static int add_file(void *data, const char *name, const struct stat *st)
{
    struct list *list = data;
    const char **slot;

    if (str_glob(CKPT_MANIFEST, str_of(name)) || str_glob(CKPT_MANIFEST ".*.part", str_of(name)))
        return 0; /* the one that it replaces, or what a crash left of one */
    if (!S_ISREG(st->st_mode))
        return err_set(list->err, -EINVAL, "%s is no plain file", name);
    if (strchr(name, '\n'))
        return err_set(list->err, -EINVAL, "a newline in a file's name");
    slot = vec_push(&list->names);
    if (!slot || !(*slot = arena_copy(list->arena, name, strlen(name))))
        return -ENOMEM;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int put_file(int folder, const char *name, struct buf *out, struct err *err)
{
    uint64_t hash, bytes;
    int r, fd = tree_open(folder, name);

    r = fd < 0 ? fd : hash64_fd(fd, &hash, &bytes);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        return err_set(err, r, "%s: %s", name, strerror(-r));
    buf_printf(out, "%016" PRIx64 " %" PRIu64 " %s\n", hash, bytes, name);
    return 0;
}

static int put_all(const char *folder, int fd, struct list *list, int64_t step, struct buf *out)
{
    int r = tree_walk(folder, add_file, list);

    if (r < 0)
        return r;
    if (list->names.count > 0)
        qsort(list->names.items, list->names.count, sizeof(*list->names.items), by_name);
    buf_printf(out, FIRST_LINE "%" PRId64 "\n", step);
    for (size_t i = 0; i < list->names.count; i++) {
        r = put_file(fd, list->names.items[i], out, list->err);
        if (r < 0)
            return r;
    }
    buf_printf(out, "end %zu\n", list->names.count);
    return out->failed ? -ENOMEM : 0;
}

int ckpt_manifest_write(const char *folder, int64_t step, struct err *err)
{
    struct err why = {0};
    struct list list = {arena_new(0), {0}, &why};
    struct buf text = {0}, path = {0};
    int r, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    r = fd < 0 ? -errno : !list.arena ? -ENOMEM : put_all(folder, fd, &list, step, &text);
    if (r == 0) {
        buf_printf(&path, "%s/" CKPT_MANIFEST, folder);
        r = path.failed ? -ENOMEM : file_write(path.p, text.p, text.len, &why);
    }
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r < 0)
        err_set(err, r, "%s: %s", folder, why.text[0] ? why.text : strerror(-r));
    if (fd >= 0)
        (void)close(fd);
    buf_done(&path);
    buf_done(&text);
    vec_done(&list.names);
    arena_free(list.arena);
    return r;
}

/* "HASH BYTES NAME" against the file. */
static int check_line(int folder, struct str line, struct err *err)
{
    struct str rest = line, hash_text, size_text;
    uint64_t hash, size, want_hash, want_size;
    char name[4096];
    int fd, r;

    if (!str_cut(&rest, ' ', &hash_text) || !str_cut(&rest, ' ', &size_text) ||
        hash_text.len != HASH_CHARS || str_to_u64(hash_text, 16, &want_hash) < 0 ||
        str_to_u64(size_text, 10, &want_size) < 0 || rest.len == 0 || rest.len >= sizeof(name) ||
        memchr(rest.p, '\0', rest.len))
        return err_set(err, -EBADMSG, "its " CKPT_MANIFEST " has the line '%.*s'",
                       (int)(line.len < 80 ? line.len : 80), line.p);
    memcpy(name, rest.p, rest.len);
    name[rest.len] = '\0';
    fd = tree_open(folder, name);
    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR || fd == -EINVAL)
        return err_set(err, -EBADMSG, "%s: %s", name, strerror(-fd));
    r = fd < 0 ? fd : hash64_fd(fd, &hash, &size);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        return err_set(err, r, "%s: %s", name, strerror(-r));
    if (size != want_size)
        return err_set(err, -EBADMSG, "%s has %" PRIu64 " bytes, not %" PRIu64, name, size,
                       want_size);
    if (hash != want_hash)
        return err_set(err, -EBADMSG, "%s has other bytes than were saved", name);
    return 0;
}

static int check_text(int folder, struct str text, int64_t *step, struct err *err)
{
    struct str line = {0};
    uint64_t count = 0, want;
    int64_t said;
    int r;

    /* The last line's newline too: a cut off "end 10" is "end 1". */
    if (!str_ends(text, "\n") || !str_line(&text, &line) || !str_starts(line, FIRST_LINE) ||
        str_to_i64(str_skip(line, strlen(FIRST_LINE)), 10, &said) < 0)
        return err_set(err, -EBADMSG, "its " CKPT_MANIFEST " is cut off or none");
    while (str_line(&text, &line) && !str_starts(line, "end ")) {
        r = check_line(folder, line, err);
        if (r < 0)
            return r;
        count++;
    }
    if (!str_starts(line, "end ") || str_to_u64(str_skip(line, 4), 10, &want) < 0 ||
        want != count || text.len > 0)
        return err_set(err, -EBADMSG, "its " CKPT_MANIFEST " is cut off");
    if (step)
        *step = said;
    return 0;
}

static int read_all(int fd, struct buf *text)
{
    char block[16384];
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) > 0) {
        buf_add(text, block, (size_t)n);
        if (text->len > CKPT_MANIFEST_BYTES_MAX)
            return -EFBIG;
    }
    return n < 0 ? -errno : text->failed ? -ENOMEM : 0;
}

int ckpt_manifest_check(const char *folder, int64_t *step, struct err *err)
{
    struct buf text = {0};
    int r, fd, dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return err_set(err, -errno, "it can't be read: %s", strerror(errno));
    fd = tree_open(dir, CKPT_MANIFEST);
    r = fd < 0 ? fd : read_all(fd, &text);
    if (r < 0)
        err_set(err, r, "its " CKPT_MANIFEST ": %s", strerror(-r));
    else
        r = check_text(dir, (struct str){text.p ? text.p : "", text.len}, step, err);
    if (fd >= 0)
        (void)close(fd);
    (void)close(dir);
    buf_done(&text);
    return r;
}
