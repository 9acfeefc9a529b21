/* host/fabricmanager - /var/log/fabricmanager.log.
 *
 * `SXid.<code>`, `SXid.fatal`, `SXid.nonfatal` (counts) on the NVSwitch's PCI subject, as dmesg
 * gives them; on the host `smi.fabric_manager` (its version) and `smi.fabric_manager_errors` (ERROR
 * lines). */
#ifndef HOST_FABRICMANAGER_H
#define HOST_FABRICMANAGER_H

#include "base/err.h"
#include "facts/node.h"

#define FABRIC_ERRORS_MAX 512 /* different (switch, code) pairs; further ones are not counted */

bool fabricmanager_looks_like(struct str text);

/* Returns 0 or -ENOMEM. */
int fabricmanager_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
