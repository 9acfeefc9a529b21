#include "host/dmesg.h"

#include "host/cmdline.h"
#include "host/denied.h"
#include "host/dmesg_lines.h"
#include "host/net_facts.h"
#include "host/scan.h"

#include <errno.h>

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

    if (device && scan_number(&rest, 10, &code) && code <= UINT32_MAX)
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
    if (!device || !scan_number(&rest, 10, &code) || code > UINT32_MAX)
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

    if (!scan_number(&rest, 10, &bar) || bar > 5 || !str_starts(rest, " is 0M") || at < 0)
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

    if (!scan_number(&rest, 10, &mc) || !str_starts(rest, ": "))
        return;
    rest = str_skip(rest, 2);
    if (!scan_number(&rest, 10, &n))
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

static const struct dmesg_head events[] = {
    {"NVRM: Xid ", NULL, -1, on_xid},
    {"NVRM: API mismatch", NULL, KLOG_API_MISMATCH, NULL},
    {"NVRM: BAR", NULL, -1, on_nvrm_bar},
    {"NVRM: GPU", NULL, -1, on_nvrm_gpu},
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

/* Give the message to the row that it begins like. False: there is none. */
static bool look_up(struct klog *log, struct str message, const struct dmesg_head *heads,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (heads[i].head[0] != message.p[0] || !str_starts(message, heads[i].head))
            continue;
        if (heads[i].also && str_find(message, heads[i].also) < 0)
            continue;
        if (heads[i].counter >= 0)
            klog_add(log, &log->host[heads[i].counter], 1);
        if (heads[i].fn)
            heads[i].fn(log, str_skip(message, strlen(heads[i].head)));
        return true;
    }
    return false;
}

static void log_line(struct klog *log, struct str line)
{
    struct kline kline = kline_of(line);
    struct str message = kline.message;
    struct kline_device device;

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

        if (at >= 0 && net_is_physical(port) &&
            (str_is(str_skip(message, (size_t)at + 2), "lost carrier") ||
             str_is(str_skip(message, (size_t)at + 2), "Lost carrier")))
            klog_port_down(log, port);
        return;
    }
    if (kline_device(message, &device)) {
        dmesg_device_line(log, &device);
        return;
    }
    if (!look_up(log, message, events, ARRAY_LEN(events)))
        (void)look_up(log, message, dmesg_boot_heads, dmesg_boot_head_count);
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
