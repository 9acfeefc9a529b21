/* host/bmc - the management controller: `ipmitool mc info` and `ipmitool sel list` (also elist) as
 * facts `bmc.firmware` and counts `sel.*` of what it logged about power, fans and heat. */
#ifndef HOST_BMC_H
#define HOST_BMC_H

#include "base/err.h"
#include "facts/node.h"

/* Returns 0 or -ENOMEM; unknown lines are skipped. One parser for both: the lines differ. */
int bmc_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool bmc_looks_like(struct str text);

#endif
