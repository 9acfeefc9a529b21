/* Which checkpoint, and what lies in it. */
#include "base/crc32c.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/manifest.h"
#include "base/str.h"
#include "base/tree.h"
#include "base/vec.h"
#include "ckpt/folder.h"
#include "ckpt/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct part {
    char name[64];
    struct part_header header;
    uint32_t *crc;
};

struct file {
    char name[64];
    uint64_t bytes, hash;
};

struct ckpt {
    char *path;
    int dir;
    int64_t step;
    VEC(struct part) parts; /* by their first item */
    VEC(struct file) files; /* the others */
    uint8_t *slice;         /* one, for those of which only a piece is asked for */
};

static int read_table(int fd, struct part *part, struct err *err)
{
    size_t bytes = (size_t)part_table_bytes(&part->header); /* bounded by the file's own size */
    uint8_t *table = malloc(bytes);
    int r;

    part->crc = malloc(bytes);
    if (!table || !part->crc)
        r = err_set(err, -ENOMEM, "no memory for its checksums");
    else if ((r = file_read_at(fd, table, bytes, part_table_at(&part->header))) < 0)
        err_set(err, r, "its table of checksums can't be read: %s", strerror(-r));
    else
        r = part_table_parse(&part->header, table, part->crc, err);
    free(table);
    return r;
}

static int read_part(int fd, uint64_t bytes, struct part *part, struct err *err)
{
    uint8_t header[PART_HEADER_BYTES];
    struct stat st;
    size_t len;
    int r;

    if (fstat(fd, &st) < 0)
        return err_set(err, -errno, "%s", strerror(errno));
    if ((uint64_t)st.st_size != bytes)
        return err_set(err, -EBADMSG, "it has %jd bytes, not %" PRIu64, (intmax_t)st.st_size,
                       bytes);
    len = bytes < sizeof(header) ? (size_t)bytes : sizeof(header);
    r = file_read_at(fd, header, len, 0);
    if (r < 0)
        return err_set(err, r, "%s", strerror(-r));
    r = part_header_parse(header, len, bytes, &part->header, err);
    return r < 0 ? r : read_table(fd, part, err);
}

struct opening {
    struct ckpt *ckpt;
    struct err *err;
};

static int add_file(void *arg, const struct ckpt_manifest_file *file)
{
    const struct opening *opening = arg;
    struct ckpt *ckpt = opening->ckpt;
    struct part *part;
    struct file *small;
    int fd, r;

    if (strlen(file->name) >= sizeof(part->name))
        return err_set(opening->err, -EBADMSG, "its MANIFEST has a name that is too long");
    if (!folder_is_part_name(file->name)) {
        small = vec_push(&ckpt->files);
        if (!small)
            return err_set(opening->err, -ENOMEM, "no memory for its files");
        (void)snprintf(small->name, sizeof(small->name), "%s", file->name);
        small->bytes = file->bytes;
        small->hash = file->hash;
        return 0;
    }
    part = vec_push(&ckpt->parts);
    if (!part)
        return err_set(opening->err, -ENOMEM, "no memory for its parts");
    (void)snprintf(part->name, sizeof(part->name), "%s", file->name);
    fd = tree_open(ckpt->dir, file->name);
    r = fd < 0 ? err_set(opening->err, fd == -ENOENT ? -EBADMSG : fd, "%s", strerror(-fd))
               : read_part(fd, file->bytes, part, opening->err);
    if (fd >= 0)
        (void)close(fd);
    return r < 0 ? err_wrap(opening->err, r, "%s", file->name) : 0;
}

static int by_begin(const void *a, const void *b)
{
    const struct part_header *x = &((const struct part *)a)->header;
    const struct part_header *y = &((const struct part *)b)->header;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end; /* an empty one before its neighbour */
}

/* Do the parts make one whole? */
static int check_parts(struct ckpt *ckpt, struct err *err)
{
    const struct part_header *first;
    uint64_t at = 0;

    if (ckpt->parts.count == 0)
        return err_set(err, -EBADMSG, "it has no parts");
    qsort(ckpt->parts.items, ckpt->parts.count, sizeof(*ckpt->parts.items), by_begin);
    first = &ckpt->parts.items[0].header;
    for (size_t i = 0; i < ckpt->parts.count; i++) {
        const struct part *part = &ckpt->parts.items[i];
        const struct part_header *header = &part->header;

        if (header->step != ckpt->step || header->items != first->items ||
            header->ranks != ckpt->parts.count || header->vector_count != first->vector_count ||
            header->slice_bytes != first->slice_bytes ||
            memcmp(header->vectors, first->vectors, sizeof(first->vectors)) != 0)
            return err_set(err, -EBADMSG, "%s belongs to another checkpoint", part->name);
        if (header->begin != at)
            return err_set(err, -EBADMSG, "%s begins at item %" PRIu64 ", not %" PRIu64, part->name,
                           header->begin, at);
        at = header->end;
    }
    if (at != first->items)
        return err_set(err, -EBADMSG, "its parts end at item %" PRIu64 " of %" PRIu64, at,
                       first->items);
    return 0;
}

void ckpt_close(struct ckpt *ckpt)
{
    if (!ckpt)
        return;
    for (size_t i = 0; i < ckpt->parts.count; i++)
        free(ckpt->parts.items[i].crc);
    vec_done(&ckpt->parts);
    vec_done(&ckpt->files);
    if (ckpt->dir >= 0)
        (void)close(ckpt->dir);
    free(ckpt->slice);
    free(ckpt->path);
    free(ckpt);
}

/* What can be seen without reading it all. */
static int open_one(const char *path, struct ckpt **out, struct err *err)
{
    struct ckpt *ckpt = calloc(1, sizeof(*ckpt));
    struct opening opening = {ckpt, err};
    int r;

    if (!ckpt)
        return err_set(err, -ENOMEM, "no memory to open it");
    ckpt->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ckpt->path = strdup(path);
    if (ckpt->dir < 0)
        r = err_set(err, -errno, "%s", strerror(errno));
    else if (!ckpt->path)
        r = err_set(err, -ENOMEM, "no memory to open it");
    else
        r = ckpt_manifest_read(path, &ckpt->step, add_file, &opening, err);
    if (r == 0)
        r = check_parts(ckpt, err);
    if (r == 0 && !(ckpt->slice = malloc(ckpt->parts.items[0].header.slice_bytes)))
        r = err_set(err, -ENOMEM, "no memory to open it");
    if (r < 0)
        ckpt_close(ckpt);
    else
        *out = ckpt;
    return r;
}

/* One of a folder: every byte is looked at before it is chosen. */
static int open_checked(const char *path, struct ckpt **out, struct err *err)
{
    int r = ckpt_manifest_check(path, NULL, err);

    return r < 0 ? r : open_one(path, out, err);
}

static int open_newest(const char *folder,
                       void (*passed)(void *arg, const char *path, const char *why), void *arg,
                       struct ckpt **out, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count;
    int r = -ENOENT;

    if (!arena)
        return err_set(err, -ENOMEM, "%s: no memory to list it", folder);
    count = file_list(arena, folder, FOLDER_NAMES_MAX, &names, err);
    for (long i = count - 1; i >= 0 && r < 0; i--) {
        struct err why = {0};
        char *path;

        if (folder_step(names[i], NULL) < 0)
            continue;
        path = arena_printf(arena, "%s/%s", folder, names[i]);
        r = path ? open_checked(path, out, &why) : -ENOMEM;
        if (r < 0 && path && passed)
            passed(arg, path, why.text);
    }
    arena_free(arena);
    if (count < 0)
        return (int)count;
    return r < 0 ? err_set(err, -ENOENT, "%s: there is no whole checkpoint", folder) : 0;
}

int ckpt_open(const char *path, void (*passed)(void *arg, const char *path, const char *why),
              void *arg, struct ckpt **out, struct err *err)
{
    int r = open_one(path, out, err);

    if (r == -ENOENT) /* without a MANIFEST: perhaps a folder of checkpoints */
        return open_newest(path, passed, arg, out, err);
    return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

const char *ckpt_path(const struct ckpt *ckpt)
{
    return ckpt->path;
}

int64_t ckpt_step(const struct ckpt *ckpt)
{
    return ckpt->step;
}

uint64_t ckpt_items(const struct ckpt *ckpt)
{
    return ckpt->parts.items[0].header.items;
}

static ptrdiff_t find_vector(const struct ckpt *ckpt, const char *name)
{
    const struct part_header *header = &ckpt->parts.items[0].header;

    for (uint32_t i = 0; i < header->vector_count; i++)
        if (strcmp(header->vectors[i], name) == 0)
            return (ptrdiff_t)i;
    return -1;
}

bool ckpt_has(const struct ckpt *ckpt, const char *vector)
{
    return find_vector(ckpt, vector) >= 0;
}

struct want {
    struct ckpt *ckpt;
    const struct part *part;
    size_t vector;
    int fd;
};

/* A slice into `out`, checked. */
static int read_slice(const struct want *want, uint64_t slice, void *out, struct err *err)
{
    const struct part_header *header = &want->part->header;
    uint64_t at = part_slice_at(header, want->vector, slice);
    size_t bytes = part_slice_bytes(header, slice);
    uint64_t number = want->vector * part_vector_slices(header) + slice;
    int r = file_read_at(want->fd, out, bytes, at);

    if (r < 0)
        return err_set(err, r, "%s/%s: bytes %" PRIu64 " to %" PRIu64 ": %s", want->ckpt->path,
                       want->part->name, at, at + bytes,
                       r == -EBADMSG ? "it is cut off" : strerror(-r));
    if (crc32c(0, out, bytes) != want->part->crc[number])
        return err_set(
            err, -EBADMSG, "%s/%s: bytes %" PRIu64 " to %" PRIu64 " (of '%s') are damaged",
            want->ckpt->path, want->part->name, at, at + bytes, header->vectors[want->vector]);
    return 0;
}

/* Items [begin, end), which lie in this part. */
static int read_range(const struct want *want, uint64_t begin, uint64_t end, float *out,
                      struct err *err)
{
    const struct part_header *header = &want->part->header;
    uint64_t of_slice = header->slice_bytes / sizeof(float);
    int r = 0;

    while (begin < end && r == 0) {
        uint64_t slice = (begin - header->begin) / of_slice;
        uint64_t first = header->begin + slice * of_slice;
        uint64_t last = first + part_slice_bytes(header, slice) / sizeof(float);
        uint64_t to = last < end ? last : end;

        if (begin == first && to == last) {
            r = read_slice(want, slice, out, err);
        } else {
            r = read_slice(want, slice, want->ckpt->slice, err);
            if (r == 0)
                memcpy(out, want->ckpt->slice + (begin - first) * sizeof(float),
                       (to - begin) * sizeof(float));
        }
        out += to - begin;
        begin = to;
    }
    return r;
}

int ckpt_read(struct ckpt *ckpt, const char *vector, uint64_t begin, uint64_t end, float *out,
              struct err *err)
{
    ptrdiff_t number = find_vector(ckpt, vector);
    int r = 0;

    if (number < 0)
        return err_set(err, -ENOENT, "%s: it has no '%s'", ckpt->path, vector);
    if (begin > end || end > ckpt_items(ckpt))
        return err_set(err, -EINVAL,
                       "%s: no items %" PRIu64 " to %" PRIu64 " in it, it has %" PRIu64, ckpt->path,
                       begin, end, ckpt_items(ckpt));
    for (size_t i = 0; i < ckpt->parts.count && begin < end && r == 0; i++) {
        const struct part *part = &ckpt->parts.items[i];
        uint64_t to = part->header.end < end ? part->header.end : end;
        struct want want = {ckpt, part, (size_t)number, -1};

        if (begin >= to)
            continue;
        want.fd = tree_open(ckpt->dir, part->name);
        r = want.fd < 0
                ? err_set(err, want.fd, "%s/%s: %s", ckpt->path, part->name, strerror(-want.fd))
                : read_range(&want, begin, to, out, err);
        if (want.fd >= 0)
            (void)close(want.fd);
        out += to - begin;
        begin = to;
    }
    return r;
}

int ckpt_read_file(struct ckpt *ckpt, const char *name, char **bytes, size_t *len, struct err *err)
{
    const struct file *file = NULL;
    char *text;
    int fd, r;

    for (size_t i = 0; i < ckpt->files.count; i++)
        if (strcmp(ckpt->files.items[i].name, name) == 0)
            file = &ckpt->files.items[i];
    if (!file)
        return err_set(err, -ENOENT, "%s: it has no %s", ckpt->path, name);
    fd = tree_open(ckpt->dir, name);
    if (fd < 0)
        return err_set(err, fd, "%s/%s: %s", ckpt->path, name, strerror(-fd));
    r = file_read_stream(fd, name, CKPT_META_MAX, &text, len, err);
    (void)close(fd);
    if (r < 0)
        return err_wrap(err, r, "%s", ckpt->path);
    if (*len != file->bytes || hash64(text, *len) != file->hash) {
        free(text);
        return err_set(err, -EBADMSG, "%s/%s has other bytes than were saved", ckpt->path, name);
    }
    *bytes = text;
    return 0;
}
