/* host/nvidia_gpu - which PCI device is "GPU 3"? */
#ifndef HOST_NVIDIA_GPU_H
#define HOST_NVIDIA_GPU_H

#include "facts/node.h"

#define NVIDIA_GPUS_MAX 512 /* more than any machine has: the rest is not read */

/* nvidia-smi numbers GPUs by bus id. The subject of number `index`, from what the node knows so
 * far: the GPU with this `uuid` (may be empty), else the GPUs that `nvidia-smi -q` listed, else the
 * NVIDIA GPUs of lspci when there are exactly `total` of them (a GPU that the driver lost has no
 * number). -1 when it can't be told. */
int nvidia_gpu_find(const struct node *node, unsigned index, struct str uuid, unsigned total);

/* "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5269b708-...)". */
struct nvidia_gpu_line {
    unsigned index;
    struct str name, uuid;
};

bool nvidia_gpu_line(struct str line, struct nvidia_gpu_line *gpu);

#endif
