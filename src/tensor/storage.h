/* tensor/storage - big memory for tensors: zeroed, aligned to 64 bytes, on huge pages where the
 * system has them, and counted, so that a program can say where its memory went. */
#ifndef TENSOR_STORAGE_H
#define TENSOR_STORAGE_H

#include "base/err.h"

#include <stddef.h>

#define STORAGE_ALIGN 64

struct storage {
    void *p;
    size_t bytes;
};

/* `what` begins the sentence: "activations: no memory for 3.2 GiB". bytes 0 gives p NULL. Returns 0
 * or -ENOMEM. */
int storage_init(struct storage *storage, size_t bytes, const char *what, struct err *err);
void storage_done(struct storage *storage);

/* Parts of a storage, one after the other: the first walk, with base NULL, only counts `used`. */
struct carve {
    char *base;
    size_t used;
};

/* `bytes` aligned to STORAGE_ALIGN, or NULL while counting. */
void *carve_take(struct carve *carve, size_t bytes);

#endif
