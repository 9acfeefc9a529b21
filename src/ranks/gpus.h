/* ranks/gpus - the GPUs of this node: how many, at which PCI addresses, which one for which rank.
 */
#ifndef RANKS_GPUS_H
#define RANKS_GPUS_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

#define GPUS_MAX 256

struct gpus {
    const char *
        *addresses;     /* "0000:65:00.0" in order of the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID */
    const char **names; /* what CUDA_VISIBLE_DEVICES calls them: "0", "1", or the given words */
    size_t count;
};

/* `root` is "" (tests: a folder with proc/ and sys/). `visible` is CUDA_VISIBLE_DEVICES of the
 * agent or NULL: no others are handed out. Returns 0 or -ENOMEM. */
int gpus_find(struct arena *arena, const char *root, const char *visible, struct gpus *gpus);

/* The part of rank `local` of `nproc`, even and in order: [first, first + count). Ranks share where
 * there are more ranks than GPUs. count 0: no GPUs. */
void gpus_of_rank(const struct gpus *gpus, uint32_t local, uint32_t nproc, size_t *first,
                  size_t *count);

/* "2,3"; NULL without memory. */
const char *gpus_words(struct arena *arena, const struct gpus *gpus, size_t first, size_t count);

#endif
