/* host/nvidia_smi - `nvidia-smi -q` (whole or with -d) as facts.
 *
 * Every "Key : Value" of a GPU becomes `SMI.<sections>.<Key>` on the PCI subject of its bus id,
 * with the section and key names of the newest driver. Driver, CUDA and the number of GPUs stand on
 * the host as `smi.*`. When nvidia-smi failed, its sentence is the host's `smi.error` and what it
 * could not tell is unseen. */
#ifndef HOST_NVIDIA_SMI_H
#define HOST_NVIDIA_SMI_H

#include "base/err.h"
#include "facts/node.h"

/* More lines of one GPU than any driver prints: the rest is not read. */
#define SMI_GPU_LINES_MAX 8192

/* Also true of -L, --query-gpu and the plain table, which nvidia_smi_parse hands on. */
bool nvidia_smi_looks_like(struct str text);

/* Unknown lines are skipped; the text of another nvidia-smi command (topo -m, nvlink -s, -L ...)
 * goes to its parser. Returns 0 or -ENOMEM. */
int nvidia_smi_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
