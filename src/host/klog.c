#include "host/klog.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const host_names[KLOG_HOST_COUNT] = {
    [KLOG_MCE_EVENT] = "log.mce",
    [KLOG_MCE_CPU] = NULL, /* the same events once more */
    [KLOG_MCE_UNCORRECTED] = "log.mce_uncorrected",
    [KLOG_EDAC_CE] = "log.edac_ce",
    [KLOG_EDAC_UE] = "log.edac_ue",
    [KLOG_OOM] = "log.oom",
    [KLOG_OOM_KILL] = NULL,
    [KLOG_API_MISMATCH] = NULL, /* a flag */
    [KLOG_PEERMEM] = "log.peermem_invalid",
    [KLOG_FILE_MAX] = "log.file_max",
    [KLOG_SEGFAULT_NCCL] = "log.segfault_nccl",
    [KLOG_MPS_FAILED] = "log.mps_failed",
    [KLOG_READONLY_FS] = "log.readonly_fs",
    [KLOG_IO_ERROR] = "log.io_errors",
    [KLOG_APEI] = "log.apei_errors",
    [KLOG_HUNG_TASK] = "log.hung_task",
    [KLOG_SOFT_LOCKUP] = "log.soft_lockup",
    [KLOG_HARD_LOCKUP] = "log.hard_lockup",
    [KLOG_PANIC] = "log.panic",
    [KLOG_OOPS] = "log.oops",
    [KLOG_IOMMU_FAULT] = "log.iommu_faults",
    [KLOG_THROTTLED] = "log.cpu_throttled",
};

static const char *const device_names[KLOG_DEVICE_COUNT] = {
    [KLOG_AER_CORRECTED] = "Log.aer_corrected",
    [KLOG_AER_UNCORRECTED] = "Log.aer_uncorrected",
    [KLOG_AER_FATAL] = "Log.aer_fatal",
    [KLOG_DEV_APEI] = "Log.apei_errors",
    [KLOG_DEV_MPS_FAILED] = "Log.mps_failed",
    [KLOG_FALLEN_OFF] = "Log.fallen_off_bus",
    [KLOG_GPU_INIT_FAILED] = "Log.gpu_init_failed",
    [KLOG_NIC_FAULT] = "Log.nic_faults",
    [KLOG_DPC] = "Log.dpc",
    [KLOG_SXID_FATAL] = "SXid.fatal",
    [KLOG_SXID_NONFATAL] = "SXid.nonfatal",
};

struct klog *klog_new(void)
{
    struct klog *log = calloc(1, sizeof(*log));

    if (log)
        log->apei_severity = -1;
    return log;
}

void klog_free(struct klog *log)
{
    if (!log)
        return;
    while (log->devices) {
        struct klog_device *next = log->devices->next;

        free(log->devices);
        log->devices = next;
    }
    map_done(&log->by_bdf);
    free(log);
}

void klog_add(struct klog *log, struct klog_count *count, uint64_t n)
{
    if (!count->line)
        count->line = log->line;
    if (__builtin_add_overflow(count->count, n, &count->count) || count->count > INT64_MAX)
        count->count = INT64_MAX;
}

void klog_mark(const struct klog *log, uint32_t *line)
{
    if (!*line)
        *line = log->line;
}

/* A boot deals out BARs and links anew. */
static void device_boot(const struct klog *log, struct klog_device *device)
{
    if (device->boot_line == log->boot.line)
        return;
    device->boot_line = log->boot.line;
    device->bars_failed = 0;
    device->bandwidth.len = 0;
}

struct klog_device *klog_device(struct klog *log, uint64_t bdf)
{
    uint64_t hash = hash_mix(0, bdf); /* one to one, so the hash can be the key */
    struct klog_device *device = map_get(&log->by_bdf, hash, NULL);

    if (device) {
        device_boot(log, device);
        return device;
    }
    if (log->device_count == DMESG_DEVICES_MAX) {
        log->overflow = true;
        return NULL;
    }
    device = calloc(1, sizeof(*device));
    if (!device || map_add(&log->by_bdf, hash, device) < 0) {
        free(device);
        log->failed = true;
        return NULL;
    }
    device->bdf = bdf;
    device->boot_line = log->boot.line;
    device->next = log->devices;
    log->devices = device;
    log->device_count++;
    return device;
}

void klog_code(struct klog *log, struct klog_device *device, bool sxid, uint32_t code)
{
    for (uint32_t i = 0; i < device->code_count; i++) {
        if (device->codes[i].code == code && device->codes[i].sxid == sxid) {
            klog_add(log, &device->codes[i].seen, 1);
            return;
        }
    }
    if (device->code_count == DMESG_CODES_MAX) {
        log->overflow = true;
        return;
    }
    device->codes[device->code_count] = (struct klog_code){.code = code, .sxid = sxid};
    klog_add(log, &device->codes[device->code_count++].seen, 1);
}

void klog_port_down(struct klog *log, struct str port)
{
    for (uint32_t i = 0; i < log->port_count; i++) {
        if (str_eq(log->ports[i].name, port)) {
            klog_add(log, &log->ports[i].downs, 1);
            return;
        }
    }
    if (log->port_count == DMESG_PORTS_MAX) {
        log->overflow = true;
        return;
    }
    log->ports[log->port_count] = (struct klog_port){.name = port};
    klog_add(log, &log->ports[log->port_count++].downs, 1);
}

void klog_boot_begin(struct klog *log)
{
    memset(&log->boot, 0, sizeof(log->boot));
    log->boot.line = log->line;
}

struct klog_bridge *klog_bridge(struct klog *log, struct str name)
{
    struct klog_boot *boot = &log->boot;

    for (uint32_t i = 0; i < boot->bridge_count; i++)
        if (str_eq(boot->bridges[i].name, name))
            return &boot->bridges[i];
    if (boot->bridge_count == DMESG_BRIDGES_MAX) {
        log->overflow = true;
        return NULL;
    }
    boot->bridges[boot->bridge_count] = (struct klog_bridge){.name = name, .line = log->line};
    return &boot->bridges[boot->bridge_count++];
}

static void host_text(struct gather *g, const char *path, struct str text, uint32_t line,
                      enum fact_class class)
{
    if (text.len)
        gather_text(g, GATHER_HOST, class, line, str_of(path), text);
}

static struct klog_count larger(struct klog_count a, struct klog_count b)
{
    return a.count >= b.count ? a : b;
}

static void host_counts(struct klog *log, struct gather *g)
{
    struct klog_count *host = log->host;

    /* Two lines tell of one event; either may be cut off by the ring buffer. */
    host[KLOG_MCE_EVENT] = larger(host[KLOG_MCE_EVENT], host[KLOG_MCE_CPU]);
    host[KLOG_OOM] = larger(host[KLOG_OOM], host[KLOG_OOM_KILL]);
    for (size_t i = 0; i < KLOG_HOST_COUNT; i++)
        if (host_names[i] && host[i].line)
            gather_number(g, GATHER_HOST, FACT_STATE, host[i].line, str_of(host_names[i]),
                          (int64_t)host[i].count, STR(""));
    if (host[KLOG_API_MISMATCH].line)
        gather_flag(g, GATHER_HOST, FACT_STATE, host[KLOG_API_MISMATCH].line,
                    STR("log.nvrm_api_mismatch"), true);
    for (uint32_t i = 0; i < log->port_count; i++) {
        struct gather_path path;

        gather_number(g, GATHER_HOST, FACT_STATE, log->ports[i].downs.line,
                      gather_join(&path, "log.link_flaps", log->ports[i].name),
                      (int64_t)log->ports[i].downs.count, STR(""));
    }
}

static void bad_cpus(struct klog *log, struct gather *g)
{
    struct buf list = {0};

    if (!log->boot.bad_cpu_line)
        return;
    cpulist_print(&log->boot.bad_cpus, &list);
    if (!list.failed)
        host_text(g, "log.cpu_apic_invalid", (struct str){list.p, list.len}, log->boot.bad_cpu_line,
                  FACT_STATE);
    log->failed |= list.failed;
    buf_done(&list);
}

/* Per bridge in the order of the log, and the union. */
static void osc(struct klog *log, struct gather *g)
{
    struct klog_boot *boot = &log->boot;
    struct buf all = {0};
    uint32_t line = 0;

    if (!boot->bridge_count)
        return;
    gather_number(g, GATHER_HOST, FACT_CONFIG, boot->bridges[0].line, STR("osc.bridges"),
                  boot->bridge_count, STR(""));
    for (uint32_t i = 0; i < boot->bridge_count; i++) {
        struct str rest = boot->bridges[i].not_granted, word;
        char path[48];

        (void)snprintf(path, sizeof(path), "osc.%u.not_granted", i);
        host_text(g, path, rest, boot->bridges[i].line, FACT_CONFIG);
        if (rest.len && !line)
            line = boot->bridges[i].line;
        while (str_word(&rest, &word)) {
            struct str have = {all.p, all.len}, old;
            bool found = false;

            while (str_word(&have, &old))
                found |= str_eq(old, word);
            if (!found && all.len < FACT_TEXT_MAX) {
                if (all.len)
                    buf_puts(&all, " ");
                buf_add(&all, word.p, word.len);
            }
        }
    }
    if (all.len && !all.failed)
        host_text(g, "osc.not_granted", (struct str){all.p, all.len}, line, FACT_CONFIG);
    log->failed |= all.failed;
    buf_done(&all);
}

static void boot_flag(struct gather *g, const char *path, uint32_t on, uint32_t off)
{
    if (on || off)
        gather_flag(g, GATHER_HOST, FACT_CONFIG, on ? on : off, str_of(path), on != 0);
}

/* As /proc/cpuinfo writes it: AMD's log has zeros before it. */
static void microcode(const struct klog *log, struct gather *g)
{
    uint64_t revision;
    char text[24];

    if (str_to_u64(log->boot.microcode, 16, &revision) < 0)
        return;
    (void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)revision);
    host_text(g, "cpu.microcode", str_of(text), log->boot.microcode_line, FACT_CONFIG);
}

static void boot_facts(struct klog *log, struct gather *g)
{
    struct klog_boot *boot = &log->boot;
    bool iommu_on = boot->iommu_on_line && !boot->iommu_off_line;
    bool iommu_off = boot->iommu_off_line || (boot->line && !boot->iommu_on_line);

    host_text(g, "os.kernel", boot->kernel, boot->kernel_line, FACT_CONFIG);
    host_text(g, "bios.version", boot->bios_version, boot->bios_line, FACT_CONFIG);
    host_text(g, "bios.date", boot->bios_date, boot->bios_line, FACT_CONFIG);
    microcode(log, g);
    if (boot->module_kind) {
        host_text(g, "nvidia.module_kind", str_of(boot->module_kind), boot->module_line,
                  FACT_CONFIG);
        host_text(g, "nvidia.module_version", boot->module_version, boot->module_line, FACT_CONFIG);
    }
    /* The kernel prints a default domain type even where no IOMMU is in use. */
    if (!iommu_off)
        host_text(g, "iommu.default_domain", boot->domain, boot->domain_line, FACT_CONFIG);
    if (iommu_on || iommu_off)
        gather_flag(g, GATHER_HOST, FACT_CONFIG,
                    iommu_on               ? boot->iommu_on_line
                    : boot->iommu_off_line ? boot->iommu_off_line
                    : boot->domain_line    ? boot->domain_line
                                           : boot->line,
                    STR("iommu.enabled"), iommu_on);
    if (boot->iommu_vendor)
        host_text(g, "iommu.vendor", str_of(boot->iommu_vendor), boot->iommu_vendor_line,
                  FACT_CONFIG);
    boot_flag(g, "iommu.interrupt_remapping", boot->remapping_on_line, boot->remapping_off_line);
    boot_flag(g, "log.x2apic_disabled", boot->x2apic_off_line, boot->line);
    boot_flag(g, "log.ecam_missing",
              boot->ecam_missing_line > boot->ecam_ok_line ? boot->ecam_missing_line : 0,
              boot->ecam_ok_line ? boot->ecam_ok_line : boot->line);
    host_text(g, "log.acs_quirk", boot->acs_quirk, boot->acs_line, FACT_CONFIG);
    bad_cpus(log, g);
    osc(log, g);
    if (!boot->line) {
        static const char *const lost[] = {"iommu", "osc"};

        for (size_t i = 0; i < ARRAY_LEN(lost); i++)
            node_add_unseen(g->node, GATHER_HOST, g->source, lost[i],
                            i ? "what firmware granted by _OSC" : "what the IOMMU was set to",
                            "the log does not reach back to the boot");
    }
}

static void device_facts(struct klog *log, struct klog_device *device, struct gather *g)
{
    uint32_t subject = node_pci(g->node, device->bdf);
    struct klog_count *counts = device->counts;
    struct str text;
    double gbs;

    device_boot(log, device);
    text = device->bandwidth;
    for (size_t i = KLOG_AER_CORRECTED; i <= KLOG_AER_FATAL; i++)
        counts[i] = larger(counts[i], counts[i + 3]);
    for (size_t i = 0; i < KLOG_DEVICE_COUNT; i++)
        if (device_names[i] && counts[i].line)
            gather_number(g, subject, FACT_STATE, counts[i].line, str_of(device_names[i]),
                          (int64_t)counts[i].count, STR(""));
    for (uint32_t i = 0; i < device->code_count; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "%s.%u", device->codes[i].sxid ? "SXid" : "Xid",
                       device->codes[i].code);
        gather_number(g, subject, FACT_STATE, device->codes[i].seen.line, str_of(path),
                      (int64_t)device->codes[i].seen.count, STR(""));
    }
    if (device->bars_failed)
        gather_number(g, subject, FACT_STATE, device->bars_line, STR("Log.bar_unassigned"),
                      __builtin_popcount(device->bars_failed), STR(""));
    if (text.len && str_to_double(text, &gbs) == 0) {
        gather_text(g, subject, FACT_CONFIG, device->bandwidth_line,
                    STR("Log.bandwidth_available_gbs"), text);
        if (device->limited_by.len)
            gather_text(g, subject, FACT_IDENTITY, device->bandwidth_line,
                        STR("Log.bandwidth_limited_by"), device->limited_by);
    }
}

void klog_facts(struct klog *log, struct gather *gather)
{
    /* Always there: a log without errors was seen, and has none. */
    gather_number(gather, GATHER_HOST, FACT_VOLATILE, 1, STR("log.lines"), log->line, STR(""));
    host_counts(log, gather);
    boot_facts(log, gather);
    for (struct klog_device *device = log->devices; device; device = device->next)
        device_facts(log, device, gather);
    if (log->overflow)
        node_add_unseen(gather->node, -1, gather->source, NULL, "part of the kernel log",
                        "it names more devices, ports or error codes than a node has");
}
