/* snap/tar - one tar archive in memory: regular files and symbolic links.
 *
 * Written as POSIX ustar, with GNU long-name entries where a name does not fit; GNU tar and bsdtar
 * read it. Reading also takes pax headers, so that a snapshot may be packed again by hand. */
#ifndef SNAP_TAR_H
#define SNAP_TAR_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define TAR_BLOCK    512
#define TAR_PATH_MAX 4095

struct tar_item {
    struct str path;
    struct str bytes; /* of a link: its target */
    bool link;
};

/* Add one item. buf->failed when there was no memory. `path` has at most TAR_PATH_MAX bytes. */
void tar_add(struct buf *out, const struct tar_item *item, int64_t time_s);

/* The end: two blocks of zeros. */
void tar_end(struct buf *out);

/* Zero-initialise and point `rest` to the archive. */
struct tar_reader {
    struct str rest;
    struct str long_path, long_target; /* for the next item; empty: none */
    char joined[155 + 1 + 100];
};

/* The next regular file or link; all else is passed over. Paths come as they stand there, only a
 * leading "./" is dropped. Returns 1, 0 at the end mark, -ENODATA when the archive is cut off, or
 * -EBADMSG when it is no tar archive here. *item points into the archive and the reader;
 * it is good until the next call. */
int tar_next(struct tar_reader *reader, struct tar_item *item, struct err *err);

#endif
