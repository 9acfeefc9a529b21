/* host/nvidia_smi_names - what the paths of `nvidia-smi -q` are called and what they are for. */
#ifndef HOST_NVIDIA_SMI_NAMES_H
#define HOST_NVIDIA_SMI_NAMES_H

#include "facts/facts.h"

/* The newest driver's name of a section title that stands directly under the GPU. */
struct str nvidia_smi_section(struct str title);

/* The newest driver's name of a key in `section` (its canonical path). */
struct str nvidia_smi_key(struct str section, struct str key);

/* The class of a canonical path without its "SMI.". */
enum fact_class nvidia_smi_class(struct str path);

/* "600.00 W" gives 600: a whole number alone, or a number with one of the units nvidia-smi prints.
 * False for versions, ids and words. */
bool nvidia_smi_number(struct str value, int64_t *number);

#endif
