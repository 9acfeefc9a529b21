/* probe/buffers - the memory that messages come from and go to: the host's, or a GPU's. */
#ifndef PROBE_BUFFERS_H
#define PROBE_BUFFERS_H

#include "base/err.h"

#include <stdint.h>
#include <ucs/memory/memory_type.h>

struct buffers {
    void *out, *in;
    uint64_t space; /* bytes of each */
    ucs_memory_type_t memory;
};

/* Returns 0 or -ENOMEM. */
int buffers_open(struct buffers *buffers, uint64_t space, struct err *err);
void buffers_close(struct buffers *buffers);

#endif
