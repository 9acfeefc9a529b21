/* host/klog - the running counts of one kernel log, and their facts.
 *
 * dmesg*.c recognise lines and call in here; nothing here looks at text. */
#ifndef HOST_KLOG_H
#define HOST_KLOG_H

#include "base/cpulist.h"
#include "base/map.h"
#include "host/dmesg.h"
#include "host/gather.h"

struct klog_count {
    uint64_t count;
    uint32_t line; /* of the first; 0: none */
};

/* Counters of the host: the names of their facts stand in klog.c in the same order. */
enum klog_host {
    KLOG_MCE_EVENT,
    KLOG_MCE_CPU,
    KLOG_MCE_UNCORRECTED,
    KLOG_EDAC_CE,
    KLOG_EDAC_UE,
    KLOG_OOM,
    KLOG_OOM_KILL,
    KLOG_API_MISMATCH,
    KLOG_PEERMEM,
    KLOG_FILE_MAX,
    KLOG_SEGFAULT_NCCL,
    KLOG_MPS_FAILED,
    KLOG_READONLY_FS,
    KLOG_IO_ERROR,
    KLOG_APEI,
    KLOG_HUNG_TASK,
    KLOG_SOFT_LOCKUP,
    KLOG_HARD_LOCKUP,
    KLOG_PANIC,
    KLOG_OOPS,
    KLOG_IOMMU_FAULT,
    KLOG_THROTTLED,
    KLOG_HOST_COUNT,
};

/* Counters of a device. */
enum klog_device_counter {
    KLOG_AER_CORRECTED,
    KLOG_AER_UNCORRECTED,
    KLOG_AER_FATAL,
    KLOG_AER_CORRECTED_SEEN, /* the root port's line about the same error */
    KLOG_AER_UNCORRECTED_SEEN,
    KLOG_AER_FATAL_SEEN,
    KLOG_DEV_APEI,
    KLOG_DEV_MPS_FAILED,
    KLOG_FALLEN_OFF,
    KLOG_GPU_INIT_FAILED,
    KLOG_NIC_FAULT,
    KLOG_DPC,
    KLOG_SXID_FATAL,
    KLOG_SXID_NONFATAL,
    KLOG_DEVICE_COUNT,
};

struct klog_code {
    uint32_t code;
    bool sxid;
    struct klog_count seen;
};

struct klog_device {
    struct klog_device *next;
    uint64_t bdf;
    uint32_t boot_line; /* of the boot that the BARs and the bandwidth below belong to */
    struct klog_count counts[KLOG_DEVICE_COUNT];
    struct klog_code codes[DMESG_CODES_MAX];
    uint32_t code_count;
    uint32_t bars_failed; /* bit n: BAR n */
    uint32_t bars_line;
    struct str bandwidth, limited_by; /* in the log's text; empty: not said */
    uint32_t bandwidth_line;
};

struct klog_port {
    struct str name;
    struct klog_count downs;
};

struct klog_bridge {
    struct str name;        /* "PNP0A08:00" */
    struct str not_granted; /* "AER LTR DPC" */
    uint32_t line;
};

/* What the last boot decided. The slices lie in the log's text. */
struct klog_boot {
    uint32_t line; /* of "Linux version", 0: not in the log */
    struct str kernel, cmdline, bios_version, bios_date;
    uint32_t kernel_line, cmdline_line, bios_line;
    struct str microcode; /* the revision's hexadecimal digits */
    uint32_t microcode_line;
    const char *module_kind; /* of the NVIDIA module: "open", "proprietary" */
    struct str module_version;
    uint32_t module_line;
    struct str domain; /* IOMMU default domain type */
    uint32_t domain_line;
    const char *iommu_vendor;
    uint32_t iommu_vendor_line;
    uint32_t iommu_on_line, iommu_off_line; /* 0: not said */
    uint32_t remapping_on_line, remapping_off_line;
    uint32_t x2apic_off_line, ecam_missing_line, ecam_ok_line;
    struct str acs_quirk;
    uint32_t acs_line;
    struct cpulist bad_cpus;
    uint32_t bad_cpu_line;
    struct klog_bridge bridges[DMESG_BRIDGES_MAX];
    uint32_t bridge_count;
};

struct klog {
    uint32_t line; /* the current one */
    struct klog_count host[KLOG_HOST_COUNT];
    struct klog_boot boot;
    struct klog_device *devices; /* newest first */
    struct map by_bdf;
    uint32_t device_count;
    struct klog_port ports[DMESG_PORTS_MAX];
    uint32_t port_count;
    int apei_severity; /* of the record being printed: a klog_device_counter, -1 none */
    bool overflow, failed;
};

/* NULL when there is no memory. */
struct klog *klog_new(void);
void klog_free(struct klog *log);

/* Count `n` more of something at the current line. */
void klog_add(struct klog *log, struct klog_count *count, uint64_t n);

/* Keep the current line's number in *line, unless it keeps one. */
void klog_mark(const struct klog *log, uint32_t *line);

/* NULL when there are too many devices (then log->overflow) or no memory. */
struct klog_device *klog_device(struct klog *log, uint64_t bdf);
void klog_code(struct klog *log, struct klog_device *device, bool sxid, uint32_t code);
void klog_port_down(struct klog *log, struct str port);

/* A new boot: what the earlier one decided is history. */
void klog_boot_begin(struct klog *log);
struct klog_bridge *klog_bridge(struct klog *log, struct str name);

/* Put everything into `gather`, and what could not be seen into its node. Does not free. */
void klog_facts(struct klog *log, struct gather *gather);

#endif
