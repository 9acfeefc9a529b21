/* Checkpoints: DIR/step_N with the model's bytes and a MANIFEST, by a rename when all is on disk.
 */
#ifndef EXAMPLE_SAVE_H
#define EXAMPLE_SAVE_H

#include "base/err.h"
#include "model.h"

/* Writes the checkpoint's path to `path` (of `space` bytes). One that is there and whole is left as
 * it is: the same step has the same bits. Returns 0 or a negative errno. */
int save_model(const struct model *model, const char *folder, char *path, size_t space,
               struct err *err);

int load_model(struct model *model, const char *path, struct err *err);

#endif
