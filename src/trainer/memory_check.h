/* trainer/memory_check - has this host the memory that its ranks will take? */
#ifndef TRAINER_MEMORY_CHECK_H
#define TRAINER_MEMORY_CHECK_H

#include "train/config.h"

/* What one of `ranks` needs goes to *bytes. `here` of them share this host, whose /proc and /sys
 * are below `root` ("": the true ones). More than the host has is -ENOMEM with a sentence; more
 * than is free now, as far as the kernel knows, is a sentence in *warning. To be asked before any
 * of them takes memory. */
int memory_check(const char *root, const struct train_config *config, size_t ranks, size_t here,
                 uint64_t *bytes, struct buf *warning, struct err *err);

/* "97.2 MiB" */
void memory_print(uint64_t bytes, struct buf *out);

#endif
