/* host/nvidia_proc - what the NVIDIA kernel module says of itself below /proc/driver/nvidia,
 * without nvidia-smi: `version`, `params`, and each GPU's `information`. */
#ifndef HOST_NVIDIA_PROC_H
#define HOST_NVIDIA_PROC_H

#include "base/err.h"
#include "facts/node.h"

#define NVIDIA_PARAMS_MAX 1024

/* Each returns 0 or -ENOMEM; unknown lines are skipped. */
int nvidia_version_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int nvidia_params_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int nvidia_information_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool nvidia_version_looks_like(struct str text);
bool nvidia_params_looks_like(struct str text);
bool nvidia_information_looks_like(struct str text);

#endif
