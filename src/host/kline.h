/* host/kline - one line of a kernel log without what the tools put in front of it.
 *
 * Understood: "[  12.345]", "[Sun Feb 23 16:24:18 2025]", "[T123]", "<6>", raw /dev/kmsg
 * ("6,3973,227996636,-;"), `dmesg -x` ("kern  :warn  : "), ISO times, syslog and journal
 * ("Aug 17 06:18:01 host kernel: "), and a host name that clush or pdsh put first. */
#ifndef HOST_KLINE_H
#define HOST_KLINE_H

#include "base/str.h"

struct kline {
    struct str message;
    struct str
        program; /* syslog's tag when it is not the kernel ("systemd-networkd"), else empty */
};

struct kline kline_of(struct str line);

/* "driver 0000:17:00.0: rest" or "driver 0000:17:00.0 eth0: rest". */
struct kline_device {
    struct str driver;
    uint64_t bdf;
    struct str port; /* "eth0", or empty */
    struct str rest;
};
bool kline_device(struct str message, struct kline_device *out);

#endif
