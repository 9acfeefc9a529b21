/* host/nvidia_topo - the matrices of `nvidia-smi topo -m` and `topo -p2p`.
 *
 * On the host: `topo.<row>.<col>` ("PIX"), `topo.<gpu>.cpus`, `.numa`, `.gpu_numa`,
 * `topo.<nic>.name` from the NIC legend; `p2p.<row>.<col>` ("OK", "CNS") for -p2p. Escape sequences
 * are skipped, rows and columns that are cut off are left out. */
#ifndef HOST_NVIDIA_TOPO_H
#define HOST_NVIDIA_TOPO_H

#include "base/err.h"
#include "facts/node.h"

#define TOPO_COLUMNS_MAX 128 /* 8 GPUs and 8 to 16 NICs are real */
#define TOPO_LINE_MAX    4096

bool nvidia_topo_looks_like(struct str text);

/* Returns 0 or -ENOMEM. */
int nvidia_topo_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
