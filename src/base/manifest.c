#include "base/manifest.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/tree.h"
#include "base/vec.h"

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

static void put_line(const struct ckpt_manifest_file *file, struct buf *out)
{
    buf_printf(out, "%016" PRIx64 " %" PRIu64 " %s\n", file->hash, file->bytes, file->name);
}

static int put_file(int folder, const char *name, struct buf *out, struct err *err)
{
    struct ckpt_manifest_file file = {.name = name};
    int r, fd = tree_open(folder, name);

    r = fd < 0 ? fd : hash64_fd(fd, &file.hash, &file.bytes);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        return err_set(err, r, "%s: %s", name, strerror(-r));
    put_line(&file, out);
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

/* The text as the folder's MANIFEST, for good. */
static int write_text(const char *folder, int fd, const struct buf *text, struct err *err)
{
    struct buf path = {0};
    int r;

    buf_printf(&path, "%s/" CKPT_MANIFEST, folder);
    r = path.failed || text->failed ? -ENOMEM : file_write(path.p, text->p, text->len, err);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    buf_done(&path);
    return r;
}

int ckpt_manifest_write(const char *folder, int64_t step, struct err *err)
{
    struct err why = {0};
    struct list list = {arena_new(0), {0}, &why};
    struct buf text = {0};
    int r, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    r = fd < 0 ? -errno : !list.arena ? -ENOMEM : put_all(folder, fd, &list, step, &text);
    if (r == 0)
        r = write_text(folder, fd, &text, &why);
    if (r < 0)
        err_set(err, r, "%s: %s", folder, why.text[0] ? why.text : strerror(-r));
    if (fd >= 0)
        (void)close(fd);
    buf_done(&text);
    vec_done(&list.names);
    arena_free(list.arena);
    return r;
}

int ckpt_manifest_write_known(const char *folder, int64_t step,
                              const struct ckpt_manifest_file *files, size_t count, struct err *err)
{
    struct err why = {0};
    struct buf text = {0};
    int r, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    buf_printf(&text, FIRST_LINE "%" PRId64 "\n", step);
    for (size_t i = 0; i < count; i++)
        put_line(&files[i], &text);
    buf_printf(&text, "end %zu\n", count);
    r = fd < 0 ? -errno : write_text(folder, fd, &text, &why);
    if (r < 0)
        err_set(err, r, "%s: %s", folder, why.text[0] ? why.text : strerror(-r));
    if (fd >= 0)
        (void)close(fd);
    buf_done(&text);
    return r;
}

/* "HASH BYTES NAME"; the name goes into `name`. */
static int parse_line(struct str line, char *name, size_t space, struct ckpt_manifest_file *out,
                      struct err *err)
{
    struct str rest = line, hash, bytes;

    if (!str_cut(&rest, ' ', &hash) || !str_cut(&rest, ' ', &bytes) || hash.len != HASH_CHARS ||
        str_to_u64(hash, 16, &out->hash) < 0 || str_to_u64(bytes, 10, &out->bytes) < 0 ||
        rest.len == 0 || rest.len >= space || memchr(rest.p, '\0', rest.len))
        return err_set(err, -EBADMSG, "its " CKPT_MANIFEST " has the line '%.*s'",
                       (int)(line.len < 80 ? line.len : 80), line.p);
    memcpy(name, rest.p, rest.len);
    name[rest.len] = '\0';
    out->name = name;
    return 0;
}

static int check_text(struct str text, int64_t *step,
                      int (*visit)(void *arg, const struct ckpt_manifest_file *file), void *arg,
                      struct err *err)
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
        struct ckpt_manifest_file file;
        char name[4096];

        r = parse_line(line, name, sizeof(name), &file, err);
        if (r == 0)
            r = visit(arg, &file);
        if (r != 0)
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

int ckpt_manifest_read(const char *folder, int64_t *step,
                       int (*visit)(void *arg, const struct ckpt_manifest_file *file), void *arg,
                       struct err *err)
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
        r = check_text((struct str){text.p ? text.p : "", text.len}, step, visit, arg, err);
    if (fd >= 0)
        (void)close(fd);
    (void)close(dir);
    buf_done(&text);
    return r;
}

struct check {
    int folder;
    struct err *err;
};

/* The file against its line. */
static int check_file(void *arg, const struct ckpt_manifest_file *want)
{
    const struct check *check = arg;
    uint64_t hash, bytes;
    int r, fd = tree_open(check->folder, want->name);

    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR || fd == -EINVAL)
        return err_set(check->err, -EBADMSG, "%s: %s", want->name, strerror(-fd));
    r = fd < 0 ? fd : hash64_fd(fd, &hash, &bytes);
    if (fd >= 0)
        (void)close(fd);
    if (r < 0)
        return err_set(check->err, r, "%s: %s", want->name, strerror(-r));
    if (bytes != want->bytes)
        return err_set(check->err, -EBADMSG, "%s has %" PRIu64 " bytes, not %" PRIu64, want->name,
                       bytes, want->bytes);
    if (hash != want->hash)
        return err_set(check->err, -EBADMSG, "%s has other bytes than were saved", want->name);
    return 0;
}

int ckpt_manifest_check(const char *folder, int64_t *step, struct err *err)
{
    struct check check = {open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err};
    int r;

    if (check.folder < 0)
        return err_set(err, -errno, "it can't be read: %s", strerror(errno));
    r = ckpt_manifest_read(folder, step, check_file, &check, err);
    (void)close(check.folder);
    return r;
}
