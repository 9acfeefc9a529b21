/* probe/cuda - the GPUs of this node, by CUDA: memory on them, and which is nearest to a port. */
#ifndef PROBE_CUDA_H
#define PROBE_CUDA_H

#include "probe/cuda_library.h"

#define CUDA_GPUS_MAX 64

struct cuda_gpu {
    int device;
    struct CUctx_st *context; /* NULL: not used yet */
    char pci[32];             /* "0000:1b:00.0", as sysfs has it */
};

struct cuda {
    const struct cuda_library *library;
    size_t gpu_count;
    struct cuda_gpu gpus[CUDA_GPUS_MAX]; /* GPU 3 is gpus[3] */
};

/* Find the GPUs. Returns 0, also when there are none, or a negative errno with a sentence; then
 * there is nothing to close. Nothing is allocated on a GPU yet. */
int cuda_open(struct cuda *cuda, struct err *err);

/* Free what the GPUs were asked for first. */
void cuda_close(struct cuda *cuda);

/* Make the GPU's primary context, which libraries share, the calling thread's. */
int cuda_use(struct cuda *cuda, size_t gpu, struct err *err);

/* Memory on a GPU, whose context is then the calling thread's: an address that CUDA-aware libraries
 * take. Returns 0 or a negative errno with a sentence. */
int cuda_alloc(struct cuda *cuda, size_t gpu, size_t bytes, void **out, struct err *err);
void cuda_free(struct cuda *cuda, size_t gpu, void *memory); /* takes NULL */

/* The GPU that shares most of its way in the PCI tree with a port ("mlx5_0:1", "eth0"), and among
 * equals the first of the port's NUMA node. `root` is in front of /sys. Returns its number, or
 * -ENODEV when there is no GPU or no such port. */
int cuda_nearest(const struct cuda *cuda, const char *root, const char *port);

/* Keep the calling thread to the CPUs next to the GPU, so that host memory is near it too; what was
 * allowed before is in *before, which cuda_unbind puts back. Where it can't be done, nothing is. */
struct cpulist;
void cuda_bind(const struct cuda *cuda, const char *root, size_t gpu, struct cpulist *before);
void cuda_unbind(const struct cpulist *before);

#endif
