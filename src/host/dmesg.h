/* host/dmesg - what a kernel log says about a node: errors counted, boot-time decisions kept.
 *
 * Host facts `log.*`, `iommu.*`, `osc.*`, and per device `Xid.*`, `SXid.*`, `Log.*`; the kernel's
 * name, command line and BIOS version too, where no better source told them before. Memory does not
 * grow with the number of lines: equal events are one count with the line of the first. After a
 * line "Linux version" the boot-time decisions start anew; counts go on. */
#ifndef HOST_DMESG_H
#define HOST_DMESG_H

#include "base/err.h"
#include "facts/node.h"

/* Bounds; what lies beyond is dropped and said to be unseen. */
#define DMESG_DEVICES_MAX 4096
#define DMESG_CODES_MAX   64 /* different Xids of one GPU */
#define DMESG_PORTS_MAX   256
#define DMESG_BRIDGES_MAX 128

/* `text` is any kernel log (see host/kline) or the complaint of a dmesg that was not allowed to
 * read it. Returns 0 or -ENOMEM. */
int dmesg_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool dmesg_looks_like(struct str text);

#endif
