/* probe/stream - reading and copying memory as fast as a core can, past the caches. */
#ifndef PROBE_STREAM_H
#define PROBE_STREAM_H

#include <stddef.h>

/* Pointers are multiples of 64; bytes is a multiple of this. */
#define STREAM_BLOCK 512

struct stream_ops {
    const char *name;
    /* Every byte comes into a register; what returns depends on all of them. */
    unsigned (*read)(const void *from, size_t bytes);
    /* Stores go past the caches, so that what is written is not read first. */
    void (*copy)(void *to, const void *from, size_t bytes);
};

/* From the fastest on; what this CPU lacks is left out. */
#define STREAM_LEVELS 3
size_t stream_levels(const struct stream_ops *out[STREAM_LEVELS]);

#endif
