/* host/nvidia_nvlink - `nvidia-smi nvlink -s` (state of each link) and `-e` (error counters).
 *
 * `nvlink.<n>`, `nvlink.active`, `nvlink.inactive` and the counters `nvlink.<n>.<Name>` stand on
 * the GPU's PCI subject. The text has GPU numbers only: nvidia-smi -q or lspci must have been read
 * before, else the facts stand on the host as `nvlink.gpu<i>.<n>`. */
#ifndef HOST_NVIDIA_NVLINK_H
#define HOST_NVIDIA_NVLINK_H

#include "base/err.h"
#include "facts/node.h"

#define NVLINK_LINKS_MAX 256 /* lines under one GPU; 18 links of some counters each are real */

bool nvidia_nvlink_looks_like(struct str text);

/* Unknown lines are skipped. Returns 0 or -ENOMEM. */
int nvidia_nvlink_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
