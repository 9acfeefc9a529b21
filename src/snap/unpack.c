/* snap/unpack - a snapshot back into a tree; see snap.h.
 *
 * First the zstd frames are opened one by one, until the end or the first that is not whole; then
 * the tar archive in what came out is read. Only frames whose checksum holds are looked into. */
#include "base/vec.h"
#include "snap/manifest.h"
#include "snap/snap.h"
#include "snap/tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BLOCK_BYTES_MIN                                                                            \
    3 /* a zstd block's header; it opens to at most ZSTD_BLOCKSIZE_MAX bytes                       \
       */

enum damage { WHOLE, CUT, BROKEN, TRAILING };

struct opened {
    char *p; /* malloc'ed, or in the arena */
    size_t len, space;
    bool in_arena; /* all sizes were known before: nothing grows and nothing is copied */
    enum damage damage;
    size_t trailing; /* bytes behind the last frame */
};

static int reserve(struct opened *o, size_t more, size_t bytes_max)
{
    size_t space = o->space ? o->space : 4096;
    char *p;

    if (more > bytes_max - o->len)
        return -EFBIG;
    if (o->in_arena)
        return more <= o->space - o->len ? 0 : -EBADMSG;
    while (space < o->len + more)
        space *= 2;
    if (space == o->space)
        return 0;
    p = realloc(o->p, space);
    if (!p)
        return -ENOMEM;
    o->p = p;
    o->space = space;
    return 0;
}

/* Open one whole frame that does not say how much is in it (`tar --zstd` makes such). */
static int open_stream(ZSTD_DCtx *zstd, const char *frame, size_t len, struct opened *o,
                       size_t bytes_max)
{
    ZSTD_inBuffer in = {frame, len, 0};
    size_t begin = o->len, left = 1;

    ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
    while (left) {
        size_t room =
            bytes_max - o->len < ZSTD_BLOCKSIZE_MAX ? bytes_max - o->len + 1 : ZSTD_BLOCKSIZE_MAX;
        ZSTD_outBuffer out;
        int r = reserve(o, room, bytes_max == SIZE_MAX ? bytes_max : bytes_max + 1);

        if (r < 0)
            return r;
        out = (ZSTD_outBuffer){o->p + o->len, room, 0};
        left = ZSTD_decompressStream(zstd, &out, &in);
        if (ZSTD_isError(left) || (left && in.pos == in.size && out.pos == 0)) {
            o->len = begin;
            return -EBADMSG;
        }
        o->len += out.pos;
        if (o->len > bytes_max)
            return -EFBIG;
    }
    return 0;
}

/* No memory for a size that so few bytes can't open to. */
static bool size_is_plausible(unsigned long long size, size_t len)
{
    return size / ZSTD_BLOCKSIZE_MAX <= len / BLOCK_BYTES_MIN;
}

/* What the whole frames open to, when each says so; else 0. */
static size_t known_size(const char *bytes, size_t len, size_t bytes_max)
{
    size_t total = 0;

    while (len) {
        size_t frame = ZSTD_findFrameCompressedSize(bytes, len);
        unsigned long long size;

        if (ZSTD_isError(frame))
            break;
        size = ZSTD_getFrameContentSize(bytes, frame);
        if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
            !size_is_plausible(size, frame) || size > bytes_max - total)
            return 0;
        total += size;
        bytes += frame;
        len -= frame;
    }
    return total;
}

static int open_frame(ZSTD_DCtx *zstd, const char *frame, size_t len, struct opened *o,
                      size_t bytes_max)
{
    unsigned long long size = ZSTD_getFrameContentSize(frame, len);
    size_t got;
    int r;

    if (size == ZSTD_CONTENTSIZE_ERROR)
        return -EBADMSG;
    if (size == ZSTD_CONTENTSIZE_UNKNOWN)
        return open_stream(zstd, frame, len, o, bytes_max);
    if (!size_is_plausible(size, len))
        return -EBADMSG;
    r = reserve(o, size, bytes_max);
    if (r < 0)
        return r;
    got = ZSTD_decompressDCtx(zstd, o->p + o->len, size, frame, len);
    if (ZSTD_isError(got) || got != size)
        return -EBADMSG;
    o->len += size;
    return 0;
}

/* Open frames until one is not whole. Returns 0 (with o->damage), -EFBIG or -ENOMEM. */
static int open_frames(struct arena *arena, const char *bytes, size_t len, size_t bytes_max,
                       struct opened *o)
{
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    int r = zstd ? 0 : -ENOMEM;

    o->space = known_size(bytes, len, bytes_max);
    if (o->space) {
        o->in_arena = true;
        o->p = arena_alloc(arena, o->space);
        if (!o->p)
            r = -ENOMEM;
    }

    while (r == 0 && len) {
        size_t frame = ZSTD_findFrameCompressedSize(bytes, len);

        if (ZSTD_isError(frame)) {
            ZSTD_ErrorCode code = ZSTD_getErrorCode(frame);

            /* A cut off frame asks for more bytes; a few bytes may be too short to have a name. */
            o->damage = code == ZSTD_error_srcSize_wrong    ? CUT
                        : code == ZSTD_error_prefix_unknown ? TRAILING
                                                            : BROKEN;
            o->trailing = len;
            break;
        }
        r = open_frame(zstd, bytes, frame, o, bytes_max);
        if (r == -EBADMSG) {
            o->damage = BROKEN;
            r = 0;
            break;
        }
        bytes += frame;
        len -= frame;
    }
    ZSTD_freeDCtx(zstd);
    return r;
}

struct entries {
    VEC(struct tree_entry) list;
};

/* Read the archive into entries. Returns 0 at its end mark, -ENODATA when it is cut off, -EBADMSG
 * when it can't be read on, or another negative errno. */
static int read_tar(struct arena *arena, struct str text, struct entries *entries, struct err *err)
{
    struct tar_reader reader = {.rest = text};
    struct tar_item item;
    int r;

    while ((r = tar_next(&reader, &item, err)) > 0) {
        struct tree_entry *entry;

        if (!snap_path_ok(item.path))
            return err_set(err, -EINVAL, "it names a path that no snapshot may hold: '%.*s'",
                           (int)(item.path.len > 100 ? 100 : item.path.len), item.path.p);
        if (entries->list.count == SNAP_ENTRIES_MAX)
            return err_set(err, -EFBIG, "more than %d files in it", SNAP_ENTRIES_MAX);
        entry = vec_push(&entries->list);
        if (!entry || !(entry->path = arena_copy(arena, item.path.p, item.path.len)))
            return err_set(err, -ENOMEM, "no memory to open it");
        entry->bytes = item.bytes;
        entry->link = item.link;
    }
    return r;
}

/* Of several entries with one path the last in the archive counts, as for tar. Their bytes lie in
 * the order of the archive. */
static void drop_repeated(struct tree *tree)
{
    size_t kept = 0;

    for (size_t i = 0; i < tree->count; i++) {
        struct tree_entry *last = kept ? &tree->entries[kept - 1] : NULL;

        if (!last || strcmp(last->path, tree->entries[i].path) != 0)
            tree->entries[kept++] = tree->entries[i];
        else if (tree->entries[i].bytes.p > last->bytes.p)
            *last = tree->entries[i];
    }
    tree->count = kept;
}

/* "12 of 340 files", the second number if the manifest is there to tell. */
static void say_count(const struct tree *tree, char *out, size_t space)
{
    const struct tree_entry *entry = tree_find(tree, MANIFEST_PATH);
    struct arena *arena = entry ? arena_new(0) : NULL;
    size_t count = tree->count - (entry ? 1 : 0);
    struct manifest manifest;

    if (arena && manifest_parse(arena, entry->bytes, &manifest, NULL) == 0 &&
        manifest.files + manifest.links + manifest.commands >= count)
        (void)snprintf(out, space, "%zu of %llu files", count,
                       (unsigned long long)(manifest.files + manifest.links + manifest.commands));
    else
        (void)snprintf(out, space, "%zu files", count);
    arena_free(arena);
}

static int say_damage(const char *name, const struct opened *o, int tar, const struct tree *tree,
                      struct err *err)
{
    char count[64];

    if (o->damage == WHOLE && tar == 0)
        return 0;
    if (o->damage == WHOLE && !tree->count)
        return err_set(err, -EBADMSG, "%s: not a snapshot (what it holds is no tar archive)", name);
    say_count(tree, count, sizeof(count));
    if (tar == 0) /* all the archive is there, and something behind it */
        err_set(err, -EBADMSG, "%s: all of its %zu files are there, but %s", name, tree->count,
                o->damage == TRAILING ? "bytes that belong to no snapshot follow them"
                                      : "what follows them is damaged");
    else if (o->damage == BROKEN)
        err_set(err, -EBADMSG, "%s: damaged after %s: the bytes and their checksum disagree", name,
                count);
    else if (o->damage == TRAILING)
        err_set(err, -EBADMSG, "%s: damaged after %s: %zu bytes there belong to no snapshot", name,
                count, o->trailing);
    else if (tar == -ENODATA)
        err_set(err, -EBADMSG, "%s: cut off after %s", name, count);
    else
        err_set(err, -EBADMSG, "%s: damaged after %s: no tar header where one should be", name,
                count);
    return tree->count ? 1 : -EBADMSG;
}

bool snap_looks_like(struct str bytes)
{
    return str_starts(bytes, "\x28\xb5\x2f\xfd"); /* a zstd frame */
}

int snap_read(struct arena *arena, const char *name, const void *bytes, size_t len,
              size_t bytes_max, struct tree *out, struct err *err)
{
    struct tree tree = {.name = name};
    struct entries entries = {0};
    struct opened o = {0};
    struct err tar_err = {0};
    char *text;
    int r, tar;

    if (len == 0)
        return err_set(err, -EBADMSG, "%s: empty, not a snapshot", name);
    r = open_frames(arena, bytes, len, bytes_max, &o);
    if (r == -EFBIG) {
        err_set(err, r, "%s: opens to more than %zu MiB", name, bytes_max >> 20);
        goto out;
    }
    text = r != 0 ? NULL : o.in_arena ? o.p : arena_copy(arena, o.p, o.len);
    if (!text) {
        r = err_set(err, -ENOMEM, "%s: no memory to open it", name);
        goto out;
    }
    if (o.len == 0 && o.damage == TRAILING) {
        r = err_set(err, -EBADMSG, "%s: not a snapshot (it does not begin as zstd does)", name);
        goto out;
    }
    tar = read_tar(arena, (struct str){text, o.len}, &entries, &tar_err);
    if (tar < 0 && tar != -ENODATA && tar != -EBADMSG) {
        r = err_set(err, tar, "%s: %s", name, tar_err.text);
        goto out;
    }
    tree.count = entries.list.count;
    tree.entries = arena_alloc(arena, (tree.count + 1) * sizeof(*tree.entries));
    tree.name = arena_copy(arena, name, strlen(name));
    if (!tree.entries || !tree.name) {
        r = err_set(err, -ENOMEM, "%s: no memory to open it", name);
        goto out;
    }
    if (tree.count)
        memcpy(tree.entries, entries.list.items, tree.count * sizeof(*tree.entries));
    tree_sort(&tree);
    drop_repeated(&tree);
    r = say_damage(name, &o, tar, &tree, err);
    if (r >= 0)
        *out = tree;
out:
    vec_done(&entries.list);
    if (!o.in_arena)
        free(o.p);
    return r;
}
