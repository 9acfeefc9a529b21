/* probe/card - what this node has to be measured. */
#ifndef PROBE_CARD_H
#define PROBE_CARD_H

#include "measure/order.h"

/* `root` is in front of /sys: "" on a live host. Of more than CARD_DEVICES_MAX devices the first
 * are taken: RDMA ports, GPUs, network devices with hardware, others (but no loopback). What UCX
 * there is, is not looked for. Returns 0 or a negative errno with a sentence. */
int card_collect(const char *root, struct card *out, struct err *err);

#endif
