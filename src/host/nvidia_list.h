/* host/nvidia_list - `nvidia-smi -L`, `nvidia-smi --query-gpu=... --format=csv` and the table of
 * plain `nvidia-smi`: what they say stands under the paths of `nvidia-smi -q`.
 *
 * -L has no bus ids: nvidia-smi -q or lspci must have been read before, else the GPU stands on the
 * host as `smi.gpu<i>.name`. A csv without its header line says nothing and is not read. */
#ifndef HOST_NVIDIA_LIST_H
#define HOST_NVIDIA_LIST_H

#include "base/err.h"
#include "facts/node.h"

#define NVIDIA_COLUMNS_MAX 128

bool nvidia_list_looks_like(struct str text);

/* Unknown lines and columns are skipped. Returns 0 or -ENOMEM. */
int nvidia_list_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
