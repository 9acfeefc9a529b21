/* host/disk - file systems: `df -P` and /proc/mounts as facts `disk.<mount>.full_percent`,
 * `fs.readonly`, `fs.root_type`, `shm.size_kb`. */
#ifndef HOST_DISK_H
#define HOST_DISK_H

#include "base/err.h"
#include "facts/node.h"

#define DISKS_MAX 1024

/* Each returns 0 or -ENOMEM; unknown lines are skipped. */
int df_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int mounts_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool df_looks_like(struct str text);
bool mounts_looks_like(struct str text);

#endif
