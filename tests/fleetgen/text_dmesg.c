/* fleetgen/text_dmesg - the kernel's log of the boot, and what went wrong since. */
#include "texts.h"

#include <stdarg.h>
#include <stdio.h>

struct kernel_log {
    struct buf *out;
    struct rng rng;
    uint64_t us; /* time of the next line */
};

__attribute__((format(printf, 2, 3))) static void say(struct kernel_log *log, const char *format,
                                                      ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_printf(log->out, "[%5llu.%06llu] %s\n", (unsigned long long)(log->us / 1000000),
               (unsigned long long)(log->us % 1000000), text);
    log->us += 20 + rng_below(&log->rng, 9000);
}

static bool dropped(const char *tokens, struct str token)
{
    struct str rest, word;

    if (!tokens)
        return false;
    rest = str_of(tokens);
    while (str_word(&rest, &word))
        if (str_eq(word, token))
            return true;
    return false;
}

static void cmdline(const struct text_input *in, struct buf *out)
{
    struct rng rng = noise_rng(in->noise, 0x30);
    struct str rest = str_of(in->host->cmdline), token;
    uint64_t uuid = rng_next(&rng);

    buf_printf(out, "BOOT_IMAGE=/vmlinuz-%s root=UUID=%08x-%04x-%04x-%04x-%012llx ro",
               in->host->kernel, (unsigned)(uuid >> 32), (unsigned)(uuid >> 16 & 0xffff),
               0x4000u | (unsigned)(uuid & 0xfff), 0xa000u | (unsigned)(uuid >> 52),
               (unsigned long long)(rng_next(&rng) >> 16));
    while (str_word(&rest, &token))
        if (!dropped(in->host->cmdline_drop, token))
            buf_printf(out, " %.*s", STR_ARG(token));
    for (size_t i = 0; i < ARRAY_LEN(in->host->cmdline_extra); i++)
        if (in->host->cmdline_extra[i])
            buf_printf(out, " %s", in->host->cmdline_extra[i]);
}

void text_cmdline(const struct text_input *in, struct buf *out)
{
    cmdline(in, out);
    buf_puts(out, "\n");
}

static void say_boot(const struct text_input *in, struct kernel_log *log)
{
    const struct host_facts *host = in->host;
    struct buf line = {0};

    log->us = 0;
    buf_printf(log->out,
               "[    0.000000] Linux version %s (buildd@lcy02-amd64-072) (gcc (Ubuntu "
               "11.4.0-1ubuntu1~22.04) 11.4.0) #123-Ubuntu SMP Mon Jun 10 08:16:17 UTC 2024\n",
               host->kernel);
    cmdline(in, &line);
    if (line.p)
        buf_printf(log->out, "[    0.000000] Command line: %s\n", line.p);
    buf_done(&line);
    buf_printf(log->out, "[    0.000000] DMI: %s %s/%s, BIOS %s %s\n", host->manufacturer,
               host->product, host->board, host->bios_version, host->bios_date);
    log->us = 4000;
    if (host->maker != CPU_ARM && host->cpu_lost >= 0) {
        say(log, "x2apic: enabled by BIOS, switching to x2apic ops");
        say(log, "x2apic: IRQ remapping doesn't support X2APIC mode");
        say(log, "x2apic disabled");
    } else if (host->maker != CPU_ARM) {
        say(log, "x2apic: enabled by BIOS, switching to x2apic ops");
    }
    if (host->microcode)
        say(log, "microcode: microcode updated early to revision %s", host->microcode);
    log->us = 1900000;
    say(log, "smpboot: CPU0: %s (family: 0x%x, model: 0x%x, stepping: 0x%x)", host->cpu_model,
        host->family, host->model_number, host->stepping);
    if (host->cpu_lost >= 0)
        say(log, "smpboot: CPU %d has invalid APIC ID ff. Aborting bringup", host->cpu_lost);
    say(log, "smp: Brought up %d nodes, %d CPUs", host->nodes,
        host->sockets * host->cores * host->threads - (host->cpu_lost >= 0));
}

static void say_iommu(const struct text_input *in, struct kernel_log *log)
{
    const struct host_facts *host = in->host;
    char bdf[20];
    int group = -1;

    if (!host->iommu)
        return;
    if (host->maker == CPU_INTEL)
        say(log, "DMAR: IOMMU enabled");
    if (host->interrupt_remapping)
        say(log, host->maker == CPU_INTEL ? "DMAR-IR: Enabled IRQ remapping in x2apic mode"
                                          : "AMD-Vi: Interrupt remapping enabled");
    if (host->maker == CPU_AMD)
        say(log, "AMD-Vi: Extended features (0x246577efa2254afa, 0x0): PPR NX GT [5] IA GA PC");
    if (host->maker == CPU_ARM)
        say(log, "arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 48-bit (features 0x001c1fbf)");
    say(log, "iommu: Default domain type: %s%s", host->translated ? "Translated" : "Passthrough",
        host->translated ? "" : " (set via kernel command line)");
    for (int i = 0; i < in->variant->order_count; i++) {
        int index = in->variant->order[i];

        if (in->noise->lspci.iommu_group[index] == group)
            continue;
        group = in->noise->lspci.iommu_group[index];
        text_bdf(in, index, bdf);
        say(log, "pci %s: Adding to iommu group %d", bdf, group);
    }
}

static void say_pci(const struct text_input *in, struct kernel_log *log)
{
    const struct machine *machine = &in->variant->machine;
    const struct host_facts *host = in->host;

    if (host->ecam_missing)
        say(log, "PCI: not using MMCONFIG");
    else if (host->maker != CPU_ARM)
        say(log, "PCI: Using configuration type 1 for base access");
    for (int i = 0; i < machine->root_count; i++) {
        say(log, "ACPI: PCI Root Bridge [PC%02X] (domain %04x [bus %02x-%02x])", i,
            machine->roots[i].domain, machine->roots[i].bus,
            i + 1 < machine->root_count && machine->roots[i + 1].bus > machine->roots[i].bus
                ? machine->roots[i + 1].bus - 1
                : 0xff);
        say(log,
            "acpi PNP0A08:%02x: _OSC: OS supports [ExtendedConfig ASPM ClockPM Segments MSI EDR "
            "HPX-Type3]",
            i);
        if (host->osc_refused) {
            say(log, "acpi PNP0A08:%02x: _OSC: platform does not support [%s]", i,
                host->osc_refused);
            say(log, "acpi PNP0A08:%02x: _OSC: OS now controls [PCIeHotplug PME PCIeCapability]",
                i);
        } else {
            say(log,
                "acpi PNP0A08:%02x: _OSC: OS now controls [PCIeHotplug PME AER PCIeCapability LTR "
                "DPC]",
                i);
        }
    }
    for (int i = 0; i < in->variant->order_count; i++) {
        const struct function *function = &machine->functions[in->variant->order[i]];
        char bdf[20];

        text_bdf(in, in->variant->order[i], bdf);
        say(log, "pci %s: [%04x:%04x] type %02x class 0x%04x%02x", bdf, function->type->vendor,
            function->type->device, function_is_bridge(function), function->type->class,
            function->type->progif);
    }
}

static void say_nic(const struct text_input *in, struct kernel_log *log, int nic, int index)
{
    /* Gb/s per lane after line coding, by speed code, as the kernel reckons it. */
    static const int lane_mbs[] = {0, 2000, 4000, 7876, 15753, 31506};
    static const char *const speeds[] = {"?", "2.5", "5.0", "8.0", "16.0", "32.0"};
    const struct function *function = &in->variant->machine.functions[index];
    int mbs = lane_mbs[function->link_speed] * function->link_width;
    int best = lane_mbs[function->cap_speed] * function->cap_width;
    const char *fw = nic == in->host->nic_fw_odd ? in->host->nic_fw_odd_text : in->host->nic_fw;
    char bdf[20], port[20];

    if (!text_is_present(in, index))
        return;
    text_bdf(in, index, bdf);
    text_bdf(in, function->parent, port);
    if (function->type->role == ROLE_NIC)
        say(log, "mlx5_core %s: firmware version: %s", bdf, fw);
    if (mbs < best)
        say(log,
            "mlx5_core %s: %d.%03d Gb/s available PCIe bandwidth, limited by %s GT/s PCIe x%d "
            "link at %s (capable of %d.%03d Gb/s with %s GT/s PCIe x%d link)",
            bdf, mbs / 1000, mbs % 1000, speeds[function->link_speed], function->link_width, port,
            best / 1000, best % 1000, speeds[function->cap_speed], function->cap_width);
    else
        say(log, "mlx5_core %s: %d.%03d Gb/s available PCIe bandwidth (%s GT/s PCIe x%d link)", bdf,
            mbs / 1000, mbs % 1000, speeds[function->link_speed], function->link_width);
}

static void say_drivers(const struct text_input *in, struct kernel_log *log)
{
    const struct machine *machine = &in->variant->machine;
    const struct host_facts *host = in->host;
    char bdf[20];
    int nic = 0;

    for (int i = 0; i < machine->count; i++) {
        enum function_role role = machine->functions[i].type->role;

        if (role == ROLE_NIC || role == ROLE_STORAGE_NIC)
            say_nic(in, log, role == ROLE_NIC ? nic : -1, i);
        nic += role == ROLE_NIC;
    }
    log->us += 5000000;
    say(log, "nvidia-nvlink: Nvlink Core is being initialized, major device number 510");
    say(log, "NVRM: loading NVIDIA UNIX %s for %s  %s  Release Build  (dvs-builder@U16-I1)",
        host->open_module ? "Open Kernel Module" : "Kernel Module",
        host->maker == CPU_ARM ? "aarch64" : "x86_64", host->module_driver);
    if (host->api_mismatch)
        say(log,
            "NVRM: API mismatch: the client has the version %s, but NVRM: this kernel module has "
            "the version %s.  Please NVRM: make sure that this kernel module and all NVIDIA "
            "driver NVRM: components have the same version.",
            host->driver, host->module_driver);
    for (int i = 0; i < machine->gpu_count; i++) {
        if (!text_is_present(in, machine->gpus[i]))
            continue;
        text_bdf(in, machine->gpus[i], bdf);
        if (machine->functions[machine->gpus[i]].bar_bits[2] < 30)
            say(log,
                "NVRM: This PCI I/O region assigned to your NVIDIA device is small: BAR1 is %dM "
                "(PCI:%s)",
                1 << (machine->functions[machine->gpus[i]].bar_bits[2] - 20), bdf);
    }
}

static void say_later(const struct text_input *in, struct kernel_log *log)
{
    const struct machine *machine = &in->variant->machine;
    const struct host_facts *host = in->host;
    char bdf[20];

    log->us = 600000000 + rng_below(&log->rng, 1000000000);
    if (host->xid_gpu >= 0 && host->xid_gpu < machine->gpu_count) {
        text_bdf(in, machine->gpus[host->xid_gpu], bdf);
        bdf[10] = '\0'; /* Xid lines have no function */
        if (host->xid_code == 79)
            say(log,
                "NVRM: Xid (PCI:%s): 79, pid='<unknown>', name=<unknown>, GPU has fallen off "
                "the bus.",
                bdf);
        else
            say(log,
                "NVRM: Xid (PCI:%s): %d, pid=28103, name=python3, Contained: SM (0x1). RST: "
                "No, D-RST: No",
                bdf, host->xid_code);
    }
    for (int i = 0; i < host->aer_noise; i++) {
        text_bdf(in, machine->gpus[0], bdf);
        say(log, "pcieport %s: AER: Corrected error message received from %s", "0000:00:0c.0", bdf);
        say(log,
            "nvidia %s: PCIe Bus Error: severity=Corrected, type=Data Link Layer, "
            "(Transmitter ID)",
            bdf);
        say(log, "nvidia %s:   device [10de:2330] error status/mask=00001000/00002000", bdf);
        say(log, "nvidia %s:    [12] Timeout", bdf);
        log->us += 50000000;
    }
    for (int i = 0; i < host->mce; i++)
        say(log, "mce: [Hardware Error]: Machine check events logged");
    for (int i = 0; i < host->edac_ce; i++)
        say(log,
            "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#0_DIMM#0 (channel:0 "
            "slot:0 page:0x%llx offset:0x0 grain:32 syndrome:0x0)",
            (unsigned long long)rng_below(&log->rng, 1 << 24));
}

void text_dmesg(const struct text_input *in, struct buf *out)
{
    struct kernel_log log = {.out = out, .rng = noise_rng(in->noise, 0x31)};

    say_boot(in, &log);
    say_iommu(in, &log);
    say_pci(in, &log);
    log.us = 9000000;
    say_drivers(in, &log);
    say_later(in, &log);
}
