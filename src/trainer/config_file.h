/* trainer/config_file - settings from a YAML file.
 *
 *   preset: grok-tiny
 *   data: [data/books, data/code=0.3]
 *   out: out/
 *   train: {steps: 400, batch: 16}
 *   optim.lr: 1e-3 */
#ifndef TRAINER_CONFIG_FILE_H
#define TRAINER_CONFIG_FILE_H

#include "base/err.h"

#include <stddef.h>

#define CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)

/* Tell every value in the order of the file: value(arg, key, text, err), keys joined by dots, the
 * items of a list one by one under the list's key. What it returns below 0 ends the walk and gets
 * file and line in front of its sentence. Returns 0 or a negative errno. */
int config_file_walk(const char *path,
                     int (*value)(void *arg, const char *key, const char *text, struct err *err),
                     void *arg, struct err *err);
int config_text_walk(const char *name, const char *text, size_t len,
                     int (*value)(void *arg, const char *key, const char *text, struct err *err),
                     void *arg, struct err *err);

#endif
