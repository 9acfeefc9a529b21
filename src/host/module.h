/* host/module - loaded kernel modules, their versions and parameters: /proc/modules, lsmod, and the
 * tree sys/module, as facts `module.<name>` and `modparam.<module>.<param>`. */
#ifndef HOST_MODULE_H
#define HOST_MODULE_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

#define MODULES_MAX 4096

/* Each returns 0 or -ENOMEM; unknown lines and files are skipped. */
int modules_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int module_tree_parse(struct node *node, const struct tree *tree, struct err *err);

bool modules_looks_like(struct str text);

#endif
