/* snap/snap - a node's raw outputs in one file, NAME.snap.
 *
 * A snapshot is a tar archive compressed by zstd, so `tar --zstd -xf n001.snap` opens it, and the
 * folder that makes is a valid input again. manifest.json is its first file. The archive is cut
 * into zstd frames of about SNAP_FRAME_BYTES, each with its own checksum: what stands before a
 * damage is known to be whole. */
#ifndef SNAP_SNAP_H
#define SNAP_SNAP_H

#include "base/arena.h"
#include "base/err.h"
#include "facts/tree.h"

#include <stdint.h>

#define SNAP_BYTES_MAX   ((size_t)512 << 20) /* opened, when the caller knows no better bound */
#define SNAP_ENTRIES_MAX 200000
#define SNAP_PATH_MAX    1024
#define SNAP_FRAME_BYTES ((size_t)256 << 10)

/* Add the snapshot of `tree` to *out; `time_s` is when it was taken. The entry "manifest.json", if
 * there is one, comes first. Returns 0, -EINVAL (a path that snap_read would refuse), -EFBIG (too
 * many or too large) or -ENOMEM. */
int snap_pack(const struct tree *tree, int64_t time_s, struct buf *out, struct err *err);

/* Do these bytes begin as a snapshot does? */
bool snap_looks_like(struct str bytes);

/* Open a snapshot. `name` is how the user called it: it begins every sentence, and is out->name.
 * *out and its bytes live in `arena`, the entries sorted by path. Returns
 *   0 when the snapshot is whole;
 *   1 when it is damaged and *out holds the files that are known to be whole; *err says what is
 *     missing: "n001.snap: cut off after 12 of 340 files";
 *   -EBADMSG when nothing of it can be used, -EFBIG when it opens to more than bytes_max bytes or
 *   SNAP_ENTRIES_MAX files, -EINVAL when a path leads outside, or -ENOMEM. */
int snap_read(struct arena *arena, const char *name, const void *bytes, size_t len,
              size_t bytes_max, struct tree *out, struct err *err);

/* May a snapshot hold this path? Relative, without "." and "..", empty parts or control characters,
 * at most SNAP_PATH_MAX bytes. */
bool snap_path_ok(struct str path);

#endif
