/* What the kernel decides and finds at boot: its rows for dmesg.c. The last boot in a log counts.
 */
#include "host/dmesg_lines.h"
#include "host/scan.h"

static void on_linux_version(struct klog *log, struct str rest)
{
    struct str word;

    klog_boot_begin(log);
    if (str_word(&rest, &word)) {
        log->boot.kernel = word;
        log->boot.kernel_line = log->line;
    }
}

static void on_cmdline(struct klog *log, struct str rest)
{
    log->boot.cmdline = str_trim(rest);
    log->boot.cmdline_line = log->line;
}

/* "Dell Inc. PowerEdge XE9680/0KK0RG, BIOS 2.3.5 09/10/2024" */
static void on_dmi(struct klog *log, struct str rest)
{
    ptrdiff_t at = str_find(rest, ", BIOS ");
    struct str version, date;

    if (at < 0)
        return;
    rest = str_skip(rest, (size_t)at + 7);
    if (!str_word(&rest, &version))
        return;
    log->boot.bios_version = version;
    log->boot.bios_line = log->line;
    if (str_word(&rest, &date) && date.len == 10 && date.p[2] == '/')
        log->boot.bios_date = date;
}

/* "microcode updated early to revision 0x2b0005c0, date = ...", "updated early: 0x... -> 0x...",
 * "Current revision: 0x...", "sig=0x806f8, pf=0x10, revision=0x...", "CPU0: patch_level=0x...":
 * what stands last of these in the log is what runs. */
static void on_microcode(struct klog *log, struct str rest)
{
    static const char *const words[] = {"revision: 0x", "revision 0x", "revision=0x",
                                        "patch_level=0x", "-> 0x"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        ptrdiff_t at = str_find(rest, words[i]);
        struct str digits = str_skip(rest, at < 0 ? 0 : (size_t)at + strlen(words[i])), after;
        uint64_t revision;

        after = digits;
        if (at < 0 || !scan_number(&after, 16, &revision))
            continue;
        log->boot.microcode = str_range(digits.p, after.p);
        log->boot.microcode_line = log->line;
        return;
    }
}

/* "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  550.90.07  Release Build": open and
 * proprietary modules of one version are different drivers. */
static void on_nvrm_loading(struct klog *log, struct str rest)
{
    struct str word;

    if (str_find(rest, "Kernel Module") < 0)
        return;
    log->boot.module_kind = str_find(rest, "Open Kernel Module") >= 0 ? "open" : "proprietary";
    log->boot.module_version = (struct str){0};
    log->boot.module_line = log->line;
    while (str_word(&rest, &word))
        if (char_is_digit(word.p[0]) && memchr(word.p, '.', word.len)) {
            log->boot.module_version = word;
            return;
        }
}

static void on_iommu(struct klog *log, struct str rest)
{
    struct str word;

    if (str_starts(rest, "Default domain type: ")) {
        rest = str_skip(rest, 21);
        if (str_word(&rest, &word)) {
            log->boot.domain = word;
            log->boot.domain_line = log->line;
        }
    }
}

static void vendor(struct klog *log, const char *name)
{
    if (!log->boot.iommu_vendor) {
        log->boot.iommu_vendor = name;
        log->boot.iommu_vendor_line = log->line;
    }
}

static void on_dmar(struct klog *log, struct str rest)
{
    vendor(log, "Intel");
    if (str_starts(rest, "IOMMU enabled") || str_starts(rest, "Intel(R) Virtualization Technology"))
        klog_mark(log, &log->boot.iommu_on_line);
    else if (str_starts(rest, "IOMMU disabled"))
        klog_mark(log, &log->boot.iommu_off_line);
    else if (str_starts(rest, "[DMA ") || str_starts(rest, "[INTR-REMAP]"))
        klog_add(log, &log->host[KLOG_IOMMU_FAULT], 1);
}

static void on_dmar_ir(struct klog *log, struct str rest)
{
    vendor(log, "Intel");
    if (str_starts(rest, "Enabled IRQ remapping"))
        klog_mark(log, &log->boot.remapping_on_line);
}

static void on_amd_vi(struct klog *log, struct str rest)
{
    vendor(log, "AMD");
    if (str_starts(rest, "Interrupt remapping enabled"))
        klog_mark(log, &log->boot.remapping_on_line);
    else if (str_starts(rest, "Event logged [IO_PAGE_FAULT"))
        klog_add(log, &log->host[KLOG_IOMMU_FAULT], 1);
}

static void on_smmu(struct klog *log, struct str rest)
{
    (void)rest;
    vendor(log, "ARM");
    klog_mark(log, &log->boot.iommu_on_line);
}

static void on_x2apic(struct klog *log, struct str rest)
{
    if (str_starts(rest, " disabled"))
        klog_mark(log, &log->boot.x2apic_off_line);
    else if (str_starts(rest, ": IRQ remapping doesn't support X2APIC"))
        klog_mark(log, &log->boot.remapping_off_line);
}

/* "CPU 239 has invalid APIC ID ff. Aborting bringup" */
static void on_smpboot_cpu(struct klog *log, struct str rest)
{
    struct klog_boot *boot = &log->boot;
    uint64_t cpu;

    if (scan_number(&rest, 10, &cpu) && str_starts(rest, " has invalid APIC ID") &&
        cpu < CPULIST_CPUS_MAX && cpulist_add(&boot->bad_cpus, (int64_t)cpu))
        klog_mark(log, &boot->bad_cpu_line);
}

/* "acpi PNP0A08:00: _OSC: platform does not support [AER LTR DPC]" */
static void on_acpi(struct klog *log, struct str rest)
{
    struct klog_bridge *bridge;
    ptrdiff_t end;
    struct str name;

    if (!str_word(&rest, &name) || name.len < 2 || name.p[name.len - 1] != ':')
        return;
    rest = str_trim(rest);
    if (!str_starts(rest, "_OSC: "))
        return;
    rest = str_skip(rest, 6);
    name.len--;
    bridge = klog_bridge(log, name);
    if (!bridge || !str_starts(rest, "platform does not support ["))
        return;
    rest = str_skip(rest, 27);
    end = str_find(rest, "]");
    if (end < 0)
        return;
    bridge->not_granted = (struct str){rest.p, (size_t)end};
    bridge->line = log->line;
}

static void on_pci(struct klog *log, struct str rest)
{
    bool ecam = str_starts(rest, "ECAM ") || str_starts(rest, "MMCONFIG ");

    if (str_starts(rest, "not using MMCONFIG") || str_starts(rest, "not using ECAM"))
        log->boot.ecam_missing_line = log->line;
    else if (ecam && (str_find(rest, "] reserved ") >= 0 || str_find(rest, " for domain ") >= 0))
        log->boot.ecam_ok_line = log->line;
}

const struct dmesg_head dmesg_boot_heads[] = {
    {"NVRM: loading ", NULL, -1, on_nvrm_loading},
    {"microcode: ", NULL, -1, on_microcode},
    {"Linux version ", NULL, -1, on_linux_version},
    {"Command line: ", NULL, -1, on_cmdline},
    {"Kernel command line: ", NULL, -1, on_cmdline},
    {"DMI: ", NULL, -1, on_dmi},
    {"Hardware name: ", NULL, -1, on_dmi},
    {"iommu: ", NULL, -1, on_iommu},
    {"DMAR: ", NULL, -1, on_dmar},
    {"DMAR-IR: ", NULL, -1, on_dmar_ir},
    {"AMD-Vi: ", NULL, -1, on_amd_vi},
    {"arm-smmu", "probing hardware configuration", -1, on_smmu},
    {"x2apic", NULL, -1, on_x2apic},
    {"smpboot: CPU ", NULL, -1, on_smpboot_cpu},
    {"acpi ", NULL, -1, on_acpi},
    {"PCI: ", NULL, -1, on_pci},
};
const size_t dmesg_boot_head_count = ARRAY_LEN(dmesg_boot_heads);
