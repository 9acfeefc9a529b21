/* ranks/folders - folders that are made for us alone. */
#ifndef RANKS_FOLDERS_H
#define RANKS_FOLDERS_H

#include "base/err.h"

/* Make `path` and what is missing above it, 0700. Where others may make folders too (/dev/shm,
 * /tmp) one that is there already must be ours and no link: else -EPERM. Returns 0 or a negative
 * errno with a sentence. */
int folders_make(const char *path, struct err *err);

#endif
