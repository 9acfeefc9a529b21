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

int buffers_open_gpu(struct buffers *buffers, uint64_t space, struct cuda *cuda, size_t gpu,
                     struct err *err)
{
    int r;

    *buffers = (struct buffers){
        .space = space ? space : 1, .memory = UCS_MEMORY_TYPE_CUDA, .cuda = cuda, .gpu = gpu};
    r = cuda_alloc(cuda, gpu, buffers->space, &buffers->out, err);
    if (r == 0)
        r = cuda_alloc(cuda, gpu, buffers->space, &buffers->in, err);
    if (r < 0)
        buffers_close(buffers);
    return r;
}

static void give_back(const struct buffers *buffers, void *p)
{
    if (buffers->cuda)
        cuda_free(buffers->cuda, buffers->gpu, p);
    else if (p)
        (void)munmap(p, buffers->space);
}

void buffers_close(struct buffers *buffers)
{
    give_back(buffers, buffers->out);
    give_back(buffers, buffers->in);
    *buffers = (struct buffers){0};
}
