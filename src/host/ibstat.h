/* host/ibstat - `ibstat`, `ibstatus` and `ibv_devinfo [-v]` as facts of the RDMA ports.
 *
 * The three have different words for the same things; the facts are those of ib_sysfs. None of them
 * names the PCI function. */
#ifndef HOST_IBSTAT_H
#define HOST_IBSTAT_H

#include "base/err.h"
#include "facts/node.h"

#define IBSTAT_PORTS_MAX        1024
#define IBSTAT_DEVICE_LINES_MAX 1024 /* ibv_devinfo -v has some 130 */

bool ibstat_looks_like(struct str text);

/* Unknown lines are skipped. Returns 0 or -ENOMEM. */
int ibstat_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
