/* probe/buffers - the memory that messages come from and go to: the host's, or a GPU's. */
#ifndef PROBE_BUFFERS_H
#define PROBE_BUFFERS_H

#include "probe/cuda.h"

#include <ucs/memory/memory_type.h>

struct buffers {
    void *out, *in;
    uint64_t space; /* bytes of each; 0: there is none */
    ucs_memory_type_t memory;
    struct cuda *cuda; /* NULL: the host's */
    size_t gpu;
};

/* Returns 0, -ENOMEM, or what CUDA says. */
int buffers_open(struct buffers *buffers, uint64_t space, struct err *err);
int buffers_open_gpu(struct buffers *buffers, uint64_t space, struct cuda *cuda, size_t gpu,
                     struct err *err);
void buffers_close(struct buffers *buffers);

#endif
