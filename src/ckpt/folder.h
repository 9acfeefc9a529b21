/* ckpt/folder - names of checkpoints, and their folders as a whole. */
#ifndef CKPT_FOLDER_H
#define CKPT_FOLDER_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOLDER_NAMES_MAX 100000

/* "step-00000050", "step-00000050.partial" in `folder`; malloc'ed, NULL: no memory. */
char *folder_path(const char *folder, int64_t step);
char *folder_partial_path(const char *folder, int64_t step);

/* The step of such a name, or -1: it is none. *partial may be NULL: then only complete names count.
 */
int64_t folder_step(const char *name, bool *partial);

/* "part-00000-of-00004". */
void folder_part_name(char *out, size_t space, uint32_t rank, uint32_t ranks);
bool folder_is_part_name(const char *name);

/* Can a small file be called so? A plain name, no part, no MANIFEST, no *.tmp. */
bool folder_file_name_ok(const char *name);

int folder_sync(const char *path, struct err *err);

/* Delete a checkpoint's folder with the files in it. It is given the name of a partial one first,
 * so that half of it is never taken for whole. */
int folder_remove(const char *path, struct err *err);

/* The same under its own name, MANIFEST first. */
int folder_remove_here(const char *path, struct err *err);

#endif
