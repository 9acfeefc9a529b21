/* What the kernel and the drivers say of one device: AER, BARs, links, faults. */
#include "host/dmesg_lines.h"
#include "host/net_facts.h"
#include "host/scan.h"

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
 * ...", "BAR 1 [mem 0x...]: assigned". A BAR that is assigned later is well. Windows of ports
 * ("bridge window [mem size ...]", BAR 13 and up before kernel 6.8) fail on every big machine,
 * where nothing is plugged in; what has no room behind one says so itself. 6 is the ROM, 7 to 12
 * are those of virtual functions before 6.8. */
static void on_bar(struct klog *log, uint64_t bdf, struct str rest)
{
    bool bad = str_find(rest, "can't assign") >= 0 || str_find(rest, "failed to assign") >= 0 ||
               str_find(rest, "no space for") >= 0;
    bool good = !bad && str_find(rest, "assigned") >= 0;
    struct klog_device *device;
    uint64_t bar;

    if ((!bad && !good) || str_find(rest, "[io") >= 0 || !str_starts(rest, "BAR "))
        return;
    rest = str_skip(rest, 4);
    if (!scan_number(&rest, 10, &bar) || bar > 5)
        return;
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
    klog_mark(log, &log->boot.iommu_on_line);
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

void dmesg_device_line(struct klog *log, const struct kline_device *device)
{
    struct str rest = device->rest;

    if (net_is_physical(device->port) &&
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
