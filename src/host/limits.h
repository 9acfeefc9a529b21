/* host/limits - resource limits of the process that collected: /proc/self/limits, `ulimit -a`, or
 * `prlimit`, as facts `limit.*` (soft limits, -1 unlimited). */
#ifndef HOST_LIMITS_H
#define HOST_LIMITS_H

#include "base/err.h"
#include "facts/node.h"

/* Returns 0 or -ENOMEM; unknown lines are skipped. */
int limits_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool limits_looks_like(struct str text);

#endif
