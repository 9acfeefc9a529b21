/* snap/pack - a tree into a snapshot; see snap.h. */
#include "snap/manifest.h"
#include "snap/snap.h"
#include "snap/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

/* Level 3: collecting is bound by sysfs, and a 10 MB node packs in 50 ms. */
#define LEVEL 3

bool snap_path_ok(struct str path)
{
    struct str part;

    if (path.len == 0 || path.len > SNAP_PATH_MAX || path.p[path.len - 1] == '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f)
            return false;
    while (str_cut(&path, '/', &part))
        if (part.len == 0 || str_is(part, ".") || str_is(part, ".."))
            return false;
    return true;
}

/* Compress what `raw` holds as one frame behind *out. */
static int add_frame(ZSTD_CCtx *zstd, struct buf *raw, struct buf *out, struct err *err)
{
    size_t bound = ZSTD_compressBound(raw->len), len;
    char *frame = raw->failed ? NULL : malloc(bound);

    if (!frame)
        return err_set(err, -ENOMEM, "no memory to pack the snapshot");
    len = ZSTD_compress2(zstd, frame, bound, raw->p, raw->len);
    if (!ZSTD_isError(len))
        buf_add(out, frame, len);
    free(frame);
    buf_clear(raw);
    if (ZSTD_isError(len) || out->failed)
        return err_set(err, -ENOMEM, "no memory to pack the snapshot");
    return 0;
}

static int add_entry(const struct tree_entry *entry, int64_t time_s, struct buf *raw,
                     struct err *err)
{
    struct tar_item item = {str_of(entry->path), entry->bytes, entry->link};

    if (!snap_path_ok(item.path) || (item.link && item.bytes.len > TAR_PATH_MAX))
        return err_set(err, -EINVAL, "a snapshot can't hold the path '%.200s'", entry->path);
    tar_add(raw, &item, time_s);
    return 0;
}

int snap_pack(const struct tree *tree, int64_t time_s, struct buf *out, struct err *err)
{
    const struct tree_entry *manifest = tree_find(tree, MANIFEST_PATH);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    struct buf raw = {0};
    size_t total = 0;
    int r = 0;

    for (size_t i = 0; i < tree->count; i++)
        total += tree->entries[i].bytes.len + 2 * TAR_BLOCK;
    if (!zstd)
        r = err_set(err, -ENOMEM, "no memory to pack the snapshot");
    else if (tree->count > SNAP_ENTRIES_MAX || total > SNAP_BYTES_MAX)
        r = err_set(err, -EFBIG, "%zu files of %zu MiB are too much for one snapshot", tree->count,
                    total >> 20);
    else if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) ||
             ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL)))
        r = err_set(err, -EINVAL, "zstd does not take its parameters");
    if (r == 0 && manifest)
        r = add_entry(manifest, time_s, &raw, err);
    for (size_t i = 0; r == 0 && i < tree->count; i++) {
        if (&tree->entries[i] == manifest)
            continue;
        r = add_entry(&tree->entries[i], time_s, &raw, err);
        if (r == 0 && raw.len >= SNAP_FRAME_BYTES)
            r = add_frame(zstd, &raw, out, err);
    }
    if (r == 0) {
        tar_end(&raw);
        r = add_frame(zstd, &raw, out, err);
    }
    buf_done(&raw);
    ZSTD_freeCCtx(zstd);
    return r;
}
