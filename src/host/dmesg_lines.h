/* host/dmesg_lines - which messages of a kernel log mean something: dmesg.c has the events,
 * dmesg_boot.c what is decided at boot, dmesg_device.c what is said of one device. Only those three
 * include it. */
#ifndef HOST_DMESG_LINES_H
#define HOST_DMESG_LINES_H

#include "host/kline.h"
#include "host/klog.h"

/* Messages that begin with `head`, and have `also` somewhere behind it (NULL: anything). They add
 * to a counter, or go to a function with what follows the head, or both. */
struct dmesg_head {
    const char *head, *also;
    int counter; /* enum klog_host, -1 none */
    void (*fn)(struct klog *log, struct str rest);
};

extern const struct dmesg_head dmesg_boot_heads[];
extern const size_t dmesg_boot_head_count;

/* A line "driver 0000:17:00.0: ...". */
void dmesg_device_line(struct klog *log, const struct kline_device *device);

#endif
