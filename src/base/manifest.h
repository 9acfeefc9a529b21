/* base/manifest - the list by which one of firstlight-train's checkpoints proves to be whole.
 *
 *   firstlight checkpoint 1 step 40
 *   9a3c...16 hex digits of XXH3-64 <blank> bytes <blank> name, relative to the folder
 *   end 3
 *
 * It is written last, by a rename: a folder without it is no checkpoint yet. */
#ifndef BASE_MANIFEST_H
#define BASE_MANIFEST_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CKPT_MANIFEST           "MANIFEST"
#define CKPT_MANIFEST_BYTES_MAX ((size_t)64 << 20)

/* Hash and sync every file below `folder`, then write its MANIFEST. Returns 0 or a negative errno.
 */
int ckpt_manifest_write(const char *folder, int64_t step, struct err *err);

struct ckpt_manifest_file {
    const char *name; /* relative to the folder */
    uint64_t bytes, hash;
};

/* The same from what is known of `count` files that are on disk already, without reading them. */
int ckpt_manifest_write_known(const char *folder, int64_t step,
                              const struct ckpt_manifest_file *files, size_t count,
                              struct err *err);

/* What the MANIFEST says, without a look at the files: `visit` is called for each line, and what it
 * returns other than 0 ends it. Returns as ckpt_manifest_check, or what `visit` returned. */
int ckpt_manifest_read(const char *folder, int64_t *step,
                       int (*visit)(void *arg, const struct ckpt_manifest_file *file), void *arg,
                       struct err *err);

/* Is everything there that the MANIFEST lists, byte by byte? Files that it does not list do not
 * matter. Returns 0 (*step, which may be NULL, is set), -ENOENT when there is no MANIFEST, -EBADMSG
 * with a sentence when something is wrong with the checkpoint, or another negative errno when it
 * can't be read. */
int ckpt_manifest_check(const char *folder, int64_t *step, struct err *err);

#endif
