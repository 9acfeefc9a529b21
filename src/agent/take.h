/* agent/take - files and links below a root folder into a growing tree.
 *
 * Nothing is written and nothing is followed out of the ordinary: only regular files are read,
 * without blocking. What could not be read is noted, one note for all files of a row with the same
 * name and trouble: 500 devices whose config is denied are one line. */
#ifndef AGENT_TAKE_H
#define AGENT_TAKE_H

#include "agent/catalogue.h"
#include "base/arena.h"
#include "base/vec.h"
#include "facts/tree.h"
#include "snap/manifest.h"

#define TAKE_FILE_BYTES_MAX ((size_t)8 << 20) /* of one file; what is longer is cut */

struct take_note {
    const char *dir, *name; /* the row's dir and the file's name */
    const char *first;      /* path of the first such file */
    enum manifest_status status;
    bool link;
    int error; /* errno, 0: status says it all */
    size_t count, bytes;
};

struct taken {
    struct arena *arena; /* paths and bytes */
    const char *root;    /* "/" */
    size_t bytes_max, entries_max;
    VEC(struct tree_entry) entries;
    VEC(struct take_note) notes;
    size_t bytes, files, links;
    char *buffer; /* TAKE_FILE_BYTES_MAX + 1, malloc'ed */
};

/* Returns 0 or -ENOMEM. */
int take_init(struct taken *taken, struct arena *arena, const char *root, size_t bytes_max,
              size_t entries_max);
void take_done(struct taken *taken);

/* Add what a row names. Returns 0, -ENOMEM, or -EFBIG when a bound is reached. */
int take_files(struct taken *taken, const struct catalogue_files *row);

/* Add bytes that are there already; they are not copied. Returns 0, -ENOMEM or -EFBIG. */
int take_bytes(struct taken *taken, const char *path, struct str bytes, bool link);

#endif
