/* base/output - a file in the making: written piece by piece under a name of its own beside its
 * place, synced, and renamed into it. Nobody ever sees half of it, and two who make the same file
 * don't meet. */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
    int fd;
    char *path, *temp;
    struct hash64_stream *hash; /* NULL: not asked for */
    uint64_t bytes;             /* written so far */
    uint64_t started;           /* of them, on their way to the disk */
};

/* hash: true to have output_end tell the hash64 of all bytes. Returns 0 or a negative errno; then
 * there is nothing to drop. */
int output_open(struct output *output, const char *path, bool hash, struct err *err);

int output_put(struct output *output, const void *bytes, size_t len, struct err *err);

/* Sync and rename. Whatever it returns, the output is done with; on an error nothing is left of it.
 * *hash may be NULL. */
int output_end(struct output *output, uint64_t *hash, struct err *err);

/* Give up: nothing is left of it. */
void output_drop(struct output *output);

#endif
