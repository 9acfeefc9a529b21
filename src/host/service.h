/* host/service - systemd's units: `systemctl list-units` (any options), `systemctl status`
 * summaries and `systemctl show`, as facts `service.<name>` = "active", "inactive", "failed",
 * "not-found". */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include "base/err.h"
#include "facts/node.h"

#define SERVICES_MAX 4096

/* Returns 0 or -ENOMEM; unknown lines are skipped. */
int services_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool services_looks_like(struct str text);

#endif
