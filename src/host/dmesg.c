#include "host/dmesg.h"

#include "host/cmdline.h"
#include "host/denied.h"
#include "host/kline.h"
#include "host/klog.h"

#include <errno.h>

typedef void (*line_fn)(struct klog *log, struct str rest);

/* Cut a decimal or hexadecimal number off the front of *s. */
static bool cut_number(struct str *s, int base, uint64_t *out)
{
    struct str rest = *s;

    if (str_to_u64(str_digits(&rest, base), base, out) < 0)
        return false;
    *s = rest;
    return true;
}

/* "(PCI:0000:9b:00): 119, ..." or "(0000:03:00): 13, ...": the device and what follows "): ". The
 * driver leaves function 0 out. */
static struct klog_device *cut_device(struct klog *log, struct str *s)
{
    struct str in = *s, text, word;
    char with_function[BDF_TEXT_MAX];
    ptrdiff_t end;
    uint64_t bdf;

    if (str_starts(in, "("))
        in = str_skip(in, 1);
    if (str_starts(in, "PCI:"))
        in = str_skip(in, 4);
    end = str_find((struct str){in.p, in.len < 40 ? in.len : 40}, ")");
    if (end < 0)
        return NULL;
    text = (struct str){in.p, (size_t)end};
    in = str_skip(in, (size_t)end + 1);
    if (!str_word(&text, &word))
        return NULL;
    text = word; /* "0000:47:00 GPU-I:05": what follows is the MIG instance */
    if (bdf_parse(text, &bdf) < 0) {
        if (text.len + 3 > sizeof(with_function))
            return NULL;
        memcpy(with_function, text.p, text.len);
        memcpy(with_function + text.len, ".0", 2);
        if (bdf_parse((struct str){with_function, text.len + 2}, &bdf) < 0)
            return NULL;
    }
    if (str_starts(in, ":"))
        in = str_skip(in, 1);
    *s = str_trim(in);
    return klog_device(log, bdf);
}

static void on_xid(struct klog *log, struct str rest)
{
    struct klog_device *device = cut_device(log, &rest);
    uint64_t code;

    if (device && cut_number(&rest, 10, &code) && code <= UINT32_MAX)
        klog_code(log, device, false, (uint32_t)code);
}

/* "nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46 ..." */
static void on_nvswitch(struct klog *log, struct str rest)
{
    ptrdiff_t at = str_find(rest, "SXid (");
    struct klog_device *device;
    uint64_t code;

    if (at < 0)
        return;
    rest = str_skip(rest, (size_t)at + 5);
    device = cut_device(log, &rest);
    if (!device || !cut_number(&rest, 10, &code) || code > UINT32_MAX)
        return;
    klog_code(log, device, true, (uint32_t)code);
    if (str_starts(rest, ", Non-fatal"))
        klog_add(log, &device->counts[KLOG_SXID_NONFATAL], 1);
    else if (str_starts(rest, ", Fatal"))
        klog_add(log, &device->counts[KLOG_SXID_FATAL], 1);
}

/* "GPU 0000:9b:00.0: GPU has fallen off the bus." "GPU 0000:9b:00.0: RmInitAdapter failed! (...)"
 */
static void on_nvrm_gpu(struct klog *log, struct str rest)
{
    struct klog_device *device;
    struct str word;
    uint64_t bdf;
    enum klog_device_counter counter;

    if (str_find(rest, "fallen off the bus") >= 0)
        counter = KLOG_FALLEN_OFF;
    else if (str_find(rest, "RmInitAdapter failed") >= 0)
        counter = KLOG_GPU_INIT_FAILED;
    else
        return;
    while (str_word(&rest, &word)) {
        if (str_starts(word, "PCI:"))
            word = str_skip(word, 4);
        while (word.len && (word.p[word.len - 1] == ':' || word.p[word.len - 1] == ','))
            word.len--;
        if (bdf_parse(word, &bdf) < 0)
            continue;
        device = klog_device(log, bdf);
        if (device)
            klog_add(log, &device->counts[counter], 1);
        return;
    }
}

/* "NVRM: BAR1 is 0M @ 0x0 (PCI:0000:c1:00.0)" */
static void on_nvrm_bar(struct klog *log, struct str rest)
{
    struct klog_device *device;
    ptrdiff_t at = str_find(rest, "(PCI:");
    uint64_t bar;

    if (!cut_number(&rest, 10, &bar) || bar > 5 || !str_starts(rest, " is 0M") || at < 0)
        return;
    at = str_find(rest, "(PCI:");
    rest = str_skip(rest, (size_t)at);
    device = cut_device(log, &rest);
    if (!device)
        return;
    device->bars_failed |= 1u << bar;
    if (!device->bars_line)
        device->bars_line = log->line;
}

/* "MC0: 1 CE memory read error on ..." */
static void on_edac(struct klog *log, struct str rest)
{
    uint64_t mc, n;

    if (!cut_number(&rest, 10, &mc) || !str_starts(rest, ": "))
        return;
    rest = str_skip(rest, 2);
    if (!cut_number(&rest, 10, &n))
        return;
    if (str_starts(rest, " CE"))
        klog_add(log, &log->host[KLOG_EDAC_CE], n);
    else if (str_starts(rest, " UE"))
        klog_add(log, &log->host[KLOG_EDAC_UE], n);
}

/* After "mce: " or nothing: what the kernel and the EDAC decoder say of machine checks. */
static void on_hardware_error(struct klog *log, struct str rest)
{
    struct klog_device *device;
    uint64_t bdf;
    ptrdiff_t at;

    rest = str_trim(rest);
    if (str_starts(rest, "Machine check events logged"))
        klog_add(log, &log->host[KLOG_MCE_EVENT], 1);
    else if (str_starts(rest, "CPU ") && str_find(rest, "Machine Check") >= 0)
        klog_add(log, &log->host[KLOG_MCE_CPU], 1);
    else if (str_starts(rest, "Uncorrected"))
        klog_add(log, &log->host[KLOG_MCE_UNCORRECTED], 1);
    else if (str_find(rest, "APEI Generic Hardware Error Source") >= 0) {
        klog_add(log, &log->host[KLOG_APEI], 1);
        log->apei_severity = -1;
    } else if (str_starts(rest, "event severity: ")) {
        rest = str_skip(rest, 16);
        log->apei_severity = str_starts(rest, "corrected") ? KLOG_AER_CORRECTED
                             : str_starts(rest, "fatal")   ? KLOG_AER_FATAL
                                                           : KLOG_AER_UNCORRECTED;
    } else if (str_starts(rest, "device_id: ") && log->apei_severity >= 0) {
        at = str_find(rest, ",");
        rest = str_trim(str_skip((struct str){rest.p, at < 0 ? rest.len : (size_t)at}, 11));
        if (bdf_parse(rest, &bdf) < 0 || !(device = klog_device(log, bdf)))
            return;
        klog_add(log, &device->counts[KLOG_DEV_APEI], 1);
        klog_add(log, &device->counts[log->apei_severity], 1);
        log->apei_severity = -1;
    }
}

/* "{1}[Hardware Error]: ..." */
static void on_record(struct klog *log, struct str rest)
{
    ptrdiff_t at =
        str_find((struct str){rest.p, rest.len < 40 ? rest.len : 40}, "[Hardware Error]:");

    if (at >= 0)
        on_hardware_error(log, str_skip(rest, (size_t)at + 17));
}

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
        if (at < 0 || !cut_number(&after, 16, &revision))
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

static void set_once(uint32_t *line, const struct klog *log)
{
    if (!*line)
        *line = log->line;
}

static void on_dmar(struct klog *log, struct str rest)
{
    vendor(log, "Intel");
    if (str_starts(rest, "IOMMU enabled") || str_starts(rest, "Intel(R) Virtualization Technology"))
        set_once(&log->boot.iommu_on_line, log);
    else if (str_starts(rest, "IOMMU disabled"))
        set_once(&log->boot.iommu_off_line, log);
    else if (str_starts(rest, "[DMA ") || str_starts(rest, "[INTR-REMAP]"))
        klog_add(log, &log->host[KLOG_IOMMU_FAULT], 1);
}

static void on_dmar_ir(struct klog *log, struct str rest)
{
    vendor(log, "Intel");
    if (str_starts(rest, "Enabled IRQ remapping"))
        set_once(&log->boot.remapping_on_line, log);
}

static void on_amd_vi(struct klog *log, struct str rest)
{
    vendor(log, "AMD");
    if (str_starts(rest, "Interrupt remapping enabled"))
        set_once(&log->boot.remapping_on_line, log);
    else if (str_starts(rest, "Event logged [IO_PAGE_FAULT"))
        klog_add(log, &log->host[KLOG_IOMMU_FAULT], 1);
}

static void on_smmu(struct klog *log, struct str rest)
{
    (void)rest;
    vendor(log, "ARM");
    set_once(&log->boot.iommu_on_line, log);
}

static void on_x2apic(struct klog *log, struct str rest)
{
    if (str_starts(rest, " disabled"))
        set_once(&log->boot.x2apic_off_line, log);
    else if (str_starts(rest, ": IRQ remapping doesn't support X2APIC"))
        set_once(&log->boot.remapping_off_line, log);
}

/* "CPU 239 has invalid APIC ID ff. Aborting bringup" */
static void on_smpboot_cpu(struct klog *log, struct str rest)
{
    struct klog_boot *boot = &log->boot;
    uint64_t cpu;

    if (cut_number(&rest, 10, &cpu) && str_starts(rest, " has invalid APIC ID") &&
        cpu < CPULIST_CPUS_MAX && cpulist_add(&boot->bad_cpus, (int64_t)cpu))
        set_once(&boot->bad_cpu_line, log);
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

static void on_remount(struct klog *log, struct str rest)
{
    if (str_find(rest, "emounting filesystem read-only") >= 0 ||
        str_find(rest, "Filesystem has been shut down") >= 0)
        klog_add(log, &log->host[KLOG_READONLY_FS], 1);
}

static void on_cpu(struct klog *log, struct str rest)
{
    if (str_find(rest, "temperature above threshold") >= 0)
        klog_add(log, &log->host[KLOG_THROTTLED], 1);
    else if (str_find(rest, "Machine Check Exception") >= 0)
        klog_add(log, &log->host[KLOG_MCE_UNCORRECTED], 1);
}

/* Messages that begin so. `also` must follow somewhere on the line. A counter, a function, or both.
 */
static const struct {
    const char *head, *also;
    int counter; /* enum klog_host, -1 none */
    line_fn fn;
} heads[] = {
    {"NVRM: Xid ", NULL, -1, on_xid},
    {"NVRM: API mismatch", NULL, KLOG_API_MISMATCH, NULL},
    {"NVRM: BAR", NULL, -1, on_nvrm_bar},
    {"NVRM: GPU", NULL, -1, on_nvrm_gpu},
    {"NVRM: loading ", NULL, -1, on_nvrm_loading},
    {"microcode: ", NULL, -1, on_microcode},
    {"nvidia-nvswitch", NULL, -1, on_nvswitch},
    {"nvidia-peermem", "invalid context", KLOG_PEERMEM, NULL},
    {"nvidia_peermem", "invalid context", KLOG_PEERMEM, NULL},
    {"EDAC MC", NULL, -1, on_edac},
    {"mce: [Hardware Error]:", NULL, -1, on_hardware_error},
    {"[Hardware Error]:", NULL, -1, on_hardware_error},
    {"mce: Uncorrected", NULL, KLOG_MCE_UNCORRECTED, NULL},
    {"mce: CPU", NULL, -1, on_cpu},
    {"CPU", NULL, -1, on_cpu},
    {"{", NULL, -1, on_record},
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
    {"Out of memory: ", NULL, KLOG_OOM, NULL},
    {"Memory cgroup out of memory: ", NULL, KLOG_OOM, NULL},
    {"oom-kill:", NULL, KLOG_OOM_KILL, NULL},
    {"VFS: file-max limit ", "reached", KLOG_FILE_MAX, NULL},
    {"INFO: task ", "blocked for more than", KLOG_HUNG_TASK, NULL},
    {"watchdog: BUG: soft lockup", NULL, KLOG_SOFT_LOCKUP, NULL},
    {"NMI watchdog: BUG: soft lockup", NULL, KLOG_SOFT_LOCKUP, NULL},
    {"BUG: soft lockup", NULL, KLOG_SOFT_LOCKUP, NULL},
    {"watchdog: Watchdog detected hard LOCKUP", NULL, KLOG_HARD_LOCKUP, NULL},
    {"NMI watchdog: Watchdog detected hard LOCKUP", NULL, KLOG_HARD_LOCKUP, NULL},
    {"Kernel panic", NULL, KLOG_PANIC, NULL},
    {"Oops: ", NULL, KLOG_OOPS, NULL},
    {"EXT4-fs", NULL, -1, on_remount},
    {"XFS ", NULL, -1, on_remount},
    {"I/O error, dev ", NULL, KLOG_IO_ERROR, NULL},
    {"blk_update_request: ", "I/O error", KLOG_IO_ERROR, NULL},
    {"Buffer I/O error", NULL, KLOG_IO_ERROR, NULL},
};

static enum klog_device_counter severity_of(struct str rest, bool seen)
{
    int more = seen ? KLOG_AER_CORRECTED_SEEN - KLOG_AER_CORRECTED : 0;

    if (str_find(rest, "Non-Fatal") >= 0)
        return KLOG_AER_UNCORRECTED + more;
    if (str_find(rest, "Fatal") >= 0)
        return KLOG_AER_FATAL + more;
    if (str_find(rest, "Uncorrect") >= 0)
        return KLOG_AER_UNCORRECTED + more;
    return KLOG_AER_CORRECTED + more;
}

/* "AER: [Multiple ]Corrected error received: 0000:00:1c.5", newer kernels "... message received
 * from 0000:03:00.1", and from 5.x on "AER: PCIe Bus Error: severity=Corrected, ...". */
static void on_aer(struct klog *log, uint64_t bdf, struct str rest)
{
    struct klog_device *device;
    bool seen = false;
    ptrdiff_t at;

    at = str_find(rest, "PCIe Bus Error: severity=");
    if (at >= 0) {
        rest = str_skip(rest, (size_t)at + 25);
        at = str_find(rest, ",");
        if (at >= 0)
            rest.len = (size_t)at;
    } else {
        at = str_find(rest, "received");
        if (at < 0 || str_find(rest, "error") < 0)
            return;
        seen = true;
        for (struct str words = str_skip(rest, (size_t)at), word; str_word(&words, &word);)
            (void)bdf_parse(word, &bdf);
        rest.len = (size_t)at;
    }
    device = klog_device(log, bdf);
    if (device)
        klog_add(log, &device->counts[severity_of(rest, seen)], 1);
}

/* "BAR 1 [mem size 0x800000000 64bit pref]: can't assign; no space", "BAR 0: failed to assign [mem
 * ...", "BAR 1 [mem 0x...]: assigned", "bridge window [mem size ...]: can't assign". A BAR that is
 * assigned later is well. Port windows in I/O space fail on every big machine and harm nobody. */
static void on_bar(struct klog *log, uint64_t bdf, struct str rest)
{
    bool bad = str_find(rest, "can't assign") >= 0 || str_find(rest, "failed to assign") >= 0 ||
               str_find(rest, "no space for") >= 0;
    bool good = !bad && str_find(rest, "assigned") >= 0;
    struct klog_device *device;
    uint64_t bar = KLOG_BAR_BITS - 1;

    if ((!bad && !good) || str_find(rest, "[io") >= 0)
        return;
    if (str_starts(rest, "BAR ")) {
        rest = str_skip(rest, 4);
        /* 6 is the ROM; 7 to 12 are those of virtual functions in kernels before 6.8. */
        if (!cut_number(&rest, 10, &bar) || (bar > 5 && bar < 13) || bar >= KLOG_BAR_BITS)
            return;
    }
    device = klog_device(log, bdf);
    if (!device)
        return;
    if (good) {
        device->bars_failed &= ~(1u << bar);
        return;
    }
    if (!device->bars_failed)
        device->bars_line = log->line;
    device->bars_failed |= 1u << bar;
}

/* "126.016 Gb/s available PCIe bandwidth, limited by 8.0 GT/s PCIe x16 link at 0000:16:02.0 (...)"
 */
static void on_bandwidth(struct klog *log, uint64_t bdf, struct str rest)
{
    struct klog_device *device = klog_device(log, bdf);
    struct str number, word;
    ptrdiff_t at;

    if (!device || !str_word(&rest, &number))
        return;
    device->bandwidth = number;
    device->limited_by.len = 0;
    device->bandwidth_line = log->line;
    at = str_find(rest, " link at ");
    if (at < 0)
        return;
    rest = str_skip(rest, (size_t)at + 9);
    if (str_word(&rest, &word) && bdf_parse(word, &bdf) == 0)
        device->limited_by = word;
}

static void on_mps(struct klog *log, uint64_t bdf, struct str rest)
{
    struct klog_device *device = klog_device(log, bdf);

    (void)rest;
    klog_add(log, &log->host[KLOG_MPS_FAILED], 1);
    if (device)
        klog_add(log, &device->counts[KLOG_DEV_MPS_FAILED], 1);
}

static void on_group(struct klog *log, uint64_t bdf, struct str rest)
{
    (void)bdf;
    (void)rest;
    set_once(&log->boot.iommu_on_line, log);
}

static void on_acs_quirk(struct klog *log, uint64_t bdf, struct str rest)
{
    (void)bdf;
    if (!log->boot.acs_quirk.len) {
        log->boot.acs_quirk = str_trim(rest);
        log->boot.acs_line = log->line;
    }
}

static void on_nic_fault(struct klog *log, uint64_t bdf, struct str rest)
{
    struct klog_device *device = klog_device(log, bdf);

    (void)rest;
    if (device)
        klog_add(log, &device->counts[KLOG_NIC_FAULT], 1);
}

static void on_dpc(struct klog *log, uint64_t bdf, struct str rest)
{
    struct klog_device *device = klog_device(log, bdf);

    (void)rest;
    if (device)
        klog_add(log, &device->counts[KLOG_DPC], 1);
}

/* What follows "driver 0000:17:00.0: ". `anywhere`: the text need not come first. `driver`: only
 * this one means a fault by it; NULL: whoever says so. */
static const struct {
    const char *text;
    bool anywhere;
    void (*fn)(struct klog *log, uint64_t bdf, struct str rest);
    const char *driver;
} device_lines[] = {
    {"AER: ", false, on_aer},
    {"PCIe Bus Error: severity=", false, on_aer},
    {"BAR ", false, on_bar},
    {"bridge window [mem", false, on_bar},
    {"available PCIe bandwidth", true, on_bandwidth},
    {"can't set Max Payload Size", false, on_mps},
    {"Adding to iommu group ", false, on_group},
    {"avoid ACS erratum", true, on_acs_quirk},
    {"ACS workaround", true, on_acs_quirk},
    {"Enabling MPC IRBNCE", false, on_acs_quirk},
    {"DPC: containment event", false, on_dpc},
    {"Port module event[error]", true, on_nic_fault},
    {"Fatal error ", true, on_nic_fault, "mlx5_core"},
    {"health compromised", true, on_nic_fault},
};

/* Names of links that come and go with every container are no cables. */
static bool is_cable(struct str port)
{
    static const char *const virtual[] = {"cali", "veth",    "docker", "br-",   "lxc", "tap",
                                          "tun",  "flannel", "cni",    "virbr", "lo"};

    for (size_t i = 0; i < ARRAY_LEN(virtual); i++)
        if (str_starts(port, virtual[i]))
            return false;
    return port.len > 0 && port.len < 32;
}

static void device_line(struct klog *log, const struct kline_device *device)
{
    struct str rest = device->rest;

    if (device->port.len && is_cable(device->port) &&
        (str_starts(rest, "Link is Down") || str_starts(rest, "NIC Link is Down") ||
         str_starts(rest, "Link down")))
        klog_port_down(log, device->port);
    for (size_t i = 0; i < ARRAY_LEN(device_lines); i++) {
        if (device_lines[i].driver && !str_is(device->driver, device_lines[i].driver))
            continue;
        if (device_lines[i].anywhere ? str_find(rest, device_lines[i].text) >= 0
                                     : str_starts(rest, device_lines[i].text)) {
            device_lines[i].fn(log, device->bdf, rest);
            return;
        }
    }
}

static void log_line(struct klog *log, struct str line)
{
    struct kline kline = kline_of(line);
    struct str message = kline.message;
    struct kline_device device;
    char first;

    if (!message.len)
        return;
    if (str_starts(message, "segfault at ")) {
        if (str_find(message, " in libnccl") >= 0)
            klog_add(log, &log->host[KLOG_SEGFAULT_NCCL], 1);
        return;
    }
    if (kline.program.len) { /* another program's line in a syslog */
        ptrdiff_t at = str_find(message, ": ");
        struct str port = {message.p, at < 0 ? 0 : (size_t)at};

        if (at >= 0 && is_cable(port) &&
            (str_is(str_skip(message, (size_t)at + 2), "lost carrier") ||
             str_is(str_skip(message, (size_t)at + 2), "Lost carrier")))
            klog_port_down(log, port);
        return;
    }
    if (kline_device(message, &device)) {
        device_line(log, &device);
        return;
    }
    first = message.p[0];
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        if (heads[i].head[0] != first || !str_starts(message, heads[i].head))
            continue;
        if (heads[i].also && str_find(message, heads[i].also) < 0)
            continue;
        if (heads[i].counter >= 0)
            klog_add(log, &log->host[heads[i].counter], 1);
        if (heads[i].fn)
            heads[i].fn(log, str_skip(message, strlen(heads[i].head)));
        return;
    }
}

int dmesg_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct gather gather;
    struct str rest = text, line;
    struct klog *log;
    int r;

    if (denied_note(node, source, text, "the kernel log", "log iommu osc"))
        return 0;
    log = klog_new();
    if (!log)
        return err_set(err, -ENOMEM, "no memory for the kernel log");
    while (str_line(&rest, &line)) {
        log->line++;
        log_line(log, line);
    }
    gather_init(&gather, node, source);
    klog_facts(log, &gather);
    if (log->boot.cmdline.len)
        cmdline_facts(&gather, log->boot.cmdline_line, log->boot.cmdline);
    gather.failed |= log->failed;
    r = gather_done(&gather, err);
    klog_free(log);
    return r;
}

bool dmesg_looks_like(struct str text)
{
    struct str rest = text, line;
    unsigned lines = 0, known = 0;

    while (lines < 20 && str_line(&rest, &line)) {
        struct kline kline = kline_of(line);

        if (!line.len)
            continue;
        lines++;
        known += kline.message.p != line.p || str_starts(line, "Linux version ");
    }
    return lines && known * 2 > lines;
}
