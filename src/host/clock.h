/* host/clock - is the clock right: `chronyc tracking`, `timedatectl` (status and show), the sysfs
 * clock source, as facts `clock.*`. */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* Each returns 0 or -ENOMEM; unknown lines are skipped. */
int chronyc_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int timedatectl_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int clock_tree_parse(struct node *node, const struct tree *tree, struct err *err);

bool chronyc_looks_like(struct str text);
bool timedatectl_looks_like(struct str text);

#endif
