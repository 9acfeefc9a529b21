/* fleetgen/mutate_rows - the tables that mutate.c joins. For mutate*.c alone. */
#ifndef FLEETGEN_MUTATE_ROWS_H
#define FLEETGEN_MUTATE_ROWS_H

#include "base/str.h"
#include "mutate.h"

#define NOT_ARM (MODEL_ALL & ~MODEL_GB200)
#define EPYC    (MODEL_AMD | MODEL_A100)
#define NVLINKS (MODEL_ALL & ~MODEL_AMD)
#define HGX     (MODEL_HGX | MODEL_A100)
#define HOST_LINES                                                                                 \
    "iommu|IOMMU|DMAR|AMD-Vi|ommand line|BOOT_IMAGE|x2apic|APIC ID|CPUs|CPU|cpus|Brought"

extern const struct mutation mutations_pci[], mutations_host[];
extern const size_t mutations_pci_count, mutations_host_count;

#endif
