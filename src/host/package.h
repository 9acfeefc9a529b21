/* host/package - versions of the software that GPUs and the fabric rest on: `dpkg-query -W`,
 * `dpkg -l`, `rpm -qa`, `ofed_info -s`, as facts `package.<name>` and `ofed.version`. */
#ifndef HOST_PACKAGE_H
#define HOST_PACKAGE_H

#include "base/err.h"
#include "facts/node.h"

#define PACKAGES_MAX 2048

/* Each returns 0 or -ENOMEM; other packages and unknown lines are skipped. */
int packages_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int ofed_info_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool packages_looks_like(struct str text);
bool ofed_info_looks_like(struct str text);

#endif
