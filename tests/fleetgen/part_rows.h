/* fleetgen/part_rows - how the rows of parts_*.c are written. For those two files alone. */
#ifndef FLEETGEN_PART_ROWS_H
#define FLEETGEN_PART_ROWS_H

#include "parts.h"

#define PORT_CAPS                                                                                  \
    (CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_SSVID | CAP_AER | CAP_ACS | CAP_SECPCIE)
#define GEN4_CAPS (CAP_DLF | CAP_16GT | CAP_MARGIN)
#define GEN5_CAPS (GEN4_CAPS | CAP_32GT)

/* DevCtl: CorrErr 1, NonFatal 2, Fatal 4, UnsupReq 8, RlxdOrd 10, ExtTag 100, NoSnoop 800. */
#define CTL_ENDPOINT 0x091f
#define CTL_GPU      0x011f
#define CTL_ROOT     0x0105
#define CTL_SWITCH   0x081f

/* DevCap2 of endpoints: timeout ranges AB, TimeoutDis, 10BitTagComp, 10BitTagReq. */
#define CAP2_ENDPOINT 0x00030013
#define CAP2_GEN4     0x00030013
#define CAP2_OLD      0x00000012
#define CAP2_ROOT     0x00331ff7 /* ranges ABC, ARI, atomics, LTR, TPH, 10-bit tags, ExtFmt */
#define CAP2_SWITCH   0x00010060 /* ARI, atomic routing, 10BitTagComp */
#define CAP2_UP       0x00010040

#define MB(n) (20 + (n)) /* log2 of 2^n MiB */
#define KB(n) (10 + (n))

/* Fields that go together, in the order of the registers. */
#define ID(vendor_id, device_id, subvendor_id, subdevice_id)                                       \
    .vendor = (vendor_id), .device = (device_id), .subvendor = (subvendor_id),                     \
    .subdevice = (subdevice_id)
#define CLASS(code, interface, revision) .class = (code), .progif = (interface), .rev = (revision)
#define LINK(speed_code, lanes, aspm_bits)                                                         \
    .speed = (speed_code), .width = (lanes), .aspm = (aspm_bits)
#define SIZES(payload_cap, payload_set, request_set)                                               \
    .payload_max = (payload_cap), .payload = (payload_set), .request = (request_set)
#define CONTROL(ctl, cap2, ctl2) .dev_ctl = (ctl), .dev_cap2 = (cap2), .dev_ctl2 = (ctl2)
#define ACS(can, set)            .acs_cap = (can), .acs_ctl = (set)

#endif
