/* base/tree - every file below a folder, without following a symbolic link. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <sys/stat.h>

#define TREE_DEPTH_MAX 16
#define TREE_FILES_MAX 1000000

/* Called for each thing that is no folder; `name` is relative to the folder that tree_walk got.
 * What it returns other than 0 ends the walk. */
typedef int tree_visit(void *data, const char *name, const struct stat *st);

/* Returns 0, what `visit` returned, or a negative errno: -ENOTDIR when `folder` is none (or a
 * link), -ELOOP too deep, -EFBIG too many. What vanishes meanwhile is left out. */
int tree_walk(const char *folder, tree_visit *visit, void *data);

/* Open `name` below the folder `dir` for reading; no part of it may be a link or "..". Returns a
 * descriptor or a negative errno. */
int tree_open(int dir, const char *name);

#endif
