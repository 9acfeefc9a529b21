/* host/nvidia_errors - the sentences that nvidia-smi prints instead of an answer. */
#ifndef HOST_NVIDIA_ERRORS_H
#define HOST_NVIDIA_ERRORS_H

#include "facts/node.h"

#define NVIDIA_ERRORS_MAX 512 /* of one text; each lost GPU gives one */

/* Is this line such a sentence? */
bool nvidia_is_error(struct str line);

/* Put the error lines of `text` on the host as `smi.error`, and say what was not seen; a line that
 * names a GPU gives that GPU's subject `SMI.Error` too. Returns how many there were. */
unsigned nvidia_errors(struct node *node, uint16_t source, struct str text);

#endif
