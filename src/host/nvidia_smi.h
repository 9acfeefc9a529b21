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

/* More GPUs, or lines of one GPU, than any machine has: the rest is not read. */
#define SMI_GPUS_MAX      512
#define SMI_GPU_LINES_MAX 8192

bool nvidia_smi_looks_like(struct str text);

/* Unknown lines are skipped. Returns 0 or -ENOMEM. */
int nvidia_smi_parse(struct node *node, uint16_t source, struct str text, struct err *err);

/* For the other nvidia-smi outputs, which fail with the same sentences: is this line one? */
bool nvidia_smi_is_error(struct str line);

/* Put the error lines of `text` on the host as `smi.error`, and say what was not seen; a line that
 * names a GPU gives that GPU's subject `SMI.Error` too. Returns how many there were. */
unsigned nvidia_smi_errors(struct node *node, uint16_t source, struct str text);

#endif
