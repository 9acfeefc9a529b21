/* host/edac - memory error counters of the sysfs EDAC tree, as facts `edac.<mc>.ce` and `.ue`;
 * DIMMs with errors as `edac.<mc>.<dimm>.ce`. */
#ifndef HOST_EDAC_H
#define HOST_EDAC_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* Returns 0 or -ENOMEM; unknown files are skipped. */
int edac_tree_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
