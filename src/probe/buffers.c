#include "probe/buffers.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void *pages(uint64_t space)
{
    void *p = mmap(NULL, space, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    (void)madvise(p, space, MADV_HUGEPAGE);
    memset(p, 1, space); /* no page is first met while time is taken */
    return p;
}

int buffers_open(struct buffers *buffers, uint64_t space, struct err *err)
{
    *buffers = (struct buffers){.space = space ? space : 1, .memory = UCS_MEMORY_TYPE_HOST};
    buffers->out = pages(buffers->space);
    buffers->in = buffers->out ? pages(buffers->space) : NULL;
    if (buffers->in)
        return 0;
    buffers_close(buffers);
    return err_set(err, -ENOMEM, "no memory for messages of %llu bytes", (unsigned long long)space);
}

void buffers_close(struct buffers *buffers)
{
    if (buffers->out)
        (void)munmap(buffers->out, buffers->space);
    if (buffers->in)
        (void)munmap(buffers->in, buffers->space);
    *buffers = (struct buffers){0};
}
