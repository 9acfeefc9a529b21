#include "support/parsed.h"

#include "host/dmesg.h"

static const struct {
    const char *name, *text, *subject, *path, *want;
} cases[] = {
    {"a NIC's fatal error", "[1.0] mlx5_core 0000:03:00.0: Fatal error 1 exists. Resetting\n",
     "0000:03:00.0", "Log.nic_faults", "1"},
    {"a GPU's fatal error is no NIC's",
     "[1.0] amdgpu 0000:03:00.0: amdgpu: Fatal error during GPU init\n", "0000:03:00.0",
     "Log.nic_faults", "(absent)"},
    {"an Xid with dmesg's time",
     "[   12.5] NVRM: Xid (PCI:0000:9b:00): 79, pid=1, GPU has fallen\n", "0000:9b:00.0", "Xid.79",
     "1"},
    {"an Xid of an old driver", "NVRM: Xid (0000:03:00): 13, Graphics\n", "0000:03:00.0", "Xid.13",
     "1"},
    {"equal Xids are counted",
     "[1.0] NVRM: Xid (PCI:0000:9b:00): 119, a\n[Sun Feb 23 16:24:18 2025] NVRM: Xid "
     "(PCI:0000:9b:00): 119, b\n6,3973,227996636,-;NVRM: Xid (PCI:0000:9b:00): 119, c\n",
     "0000:9b:00.0", "Xid.119", "3"},
    {"an Xid without a number is none", "NVRM: Xid (PCI:0000:9b:00): , pid\n", "0000:9b:00.0",
     "Xid.0", "(absent)"},
    {"a journal line", "Feb 23 16:24:18 n001 kernel: NVRM: Xid (PCI:0000:9b:00): 48, pid=1\n",
     "0000:9b:00.0", "Xid.48", "1"},
    {"an ISO journal line",
     "2025-02-23T16:24:18+0000 n001 kernel: NVRM: Xid (PCI:0000:9b:00): 48, pid=1\n",
     "0000:9b:00.0", "Xid.48", "1"},
    {"a line of clush", "n001: [   12.5] NVRM: Xid (PCI:0000:9b:00): 48, pid=1\n", "0000:9b:00.0",
     "Xid.48", "1"},
    {"a line of dmesg -x", "kern  :warn  : [   12.5] NVRM: Xid (PCI:0000:9b:00): 48, pid=1\n",
     "0000:9b:00.0", "Xid.48", "1"},
    {"an Xid of a MIG instance", "NVRM: Xid (PCI:0000:47:00 GPU-I:05): 13, pid=7\n", "0000:47:00.0",
     "Xid.13", "1"},
    {"a folded line",
     "Feb 23 16:24:18 n001 kernel: message repeated 3 times: [ [ 1.0] NVRM: Xid (PCI:0000:9b:00): "
     "48, "
     "pid=1]\n",
     "0000:9b:00.0", "Xid.48", "1"},
    {"a fatal SXid",
     "[1.0] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 46 LTSSM\n",
     "0000:c1:00.0", "SXid.fatal", "1"},
    {"a non-fatal SXid's code",
     "[1.0] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46\n", "0000:c1:00.0",
     "SXid.28006", "1"},
    {"a non-fatal SXid is not fatal",
     "[1.0] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46\n", "0000:c1:00.0",
     "SXid.fatal", "(absent)"},
    {"both lines of one corrected error count once",
     "[1.0] pcieport 0000:00:1c.5: AER: Corrected error received: 0000:02:00.0\n"
     "[1.0] nvme 0000:02:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer\n",
     "0000:02:00.0", "Log.aer_corrected", "1"},
    {"a newer kernel's words",
     "[1.0] pcieport 0000:00:01.1: AER: Multiple Uncorrectable (Non-Fatal) error message received "
     "from 0000:03:00.1\n",
     "0000:03:00.1", "Log.aer_uncorrected", "1"},
    {"a fatal error",
     "[1.0] pcieport 0000:00:01.1: AER: PCIe Bus Error: severity=Uncorrected (Fatal), type=x\n",
     "0000:00:01.1", "Log.aer_fatal", "1"},
    {"AER's progress is no error", "[1.0] pcieport 0000:02:00.0: AER: device recovery failed\n",
     "0000:02:00.0", "Log.aer_corrected", "(absent)"},
    {"a BAR without room",
     "[ 13.0] kernel: nvidia 0000:84:00.0: BAR 1 [mem size 0x800000000 64bit pref]: can't assign; "
     "no space\n",
     "0000:84:00.0", "Log.bar_unassigned", "1"},
    {"a BAR that is assigned later",
     "[1.0] pci 0000:84:00.0: BAR 1 [mem size 0x800000000]: can't assign; no space\n"
     "[1.1] pci 0000:84:00.0: BAR 1 [mem 0x1000-0x1fff]: assigned\n",
     "0000:84:00.0", "Log.bar_unassigned", "(absent)"},
    {"an I/O window harms nobody",
     "[1.0] pci 0000:84:00.0: bridge window [io  size 0x1000]: can't assign; no space\n",
     "0000:84:00.0", "Log.bar_unassigned", "(absent)"},
    {"the window of an empty slot harms nobody",
     "[2.5] pci 0000:84:00.0: bridge window [mem size 0x00200000]: can't assign; no space\n",
     "0000:84:00.0", "Log.bar_unassigned", "(absent)"},
    {"nor as older kernels say it",
     "[2.5] pci 0000:84:00.0: BAR 14: no space for [mem size 0x00200000]\n", "0000:84:00.0",
     "Log.bar_unassigned", "(absent)"},
    {"a slow slot",
     "[1.0] mlx5_core 0000:17:00.0: 126.016 Gb/s available PCIe bandwidth, limited by 8.0 GT/s "
     "PCIe "
     "x16 link at 0000:16:02.0 (capable of 252.048 Gb/s with 16.0 GT/s PCIe x16 link)\n",
     "0000:17:00.0", "Log.bandwidth_limited_by", "0000:16:02.0"},
    {"its bandwidth",
     "[1.0] mlx5_core 0000:17:00.0: 126.016 Gb/s available PCIe bandwidth (8.0 GT/s PCIe x16 "
     "link)\n",
     "0000:17:00.0", "Log.bandwidth_available_gbs", "126.016"},
    {"off the bus", "[1.0] NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.\n", "0000:9b:00.0",
     "Log.fallen_off_bus", "1"},
    {"an APEI record names its device",
     "[1.0] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1\n"
     "[1.0] {1}[Hardware Error]: event severity: recoverable\n"
     "[1.0] {1}[Hardware Error]:   device_id: 0000:11:01.0\n"
     "[1.0] {1}[Hardware Error]:   vendor_id: 0x1002, device_id: 0x74a1\n",
     "0000:11:01.0", "Log.aer_uncorrected", "1"},

    {"microcode that was updated",
     "[0.0] microcode: microcode updated early to revision 0x2b0005c0, date = 2023-12-01\n", NULL,
     "cpu.microcode", "0x2b0005c0"},
    {"microcode of a newer kernel", "[0.0] microcode: Current revision: 0x0a0011d5\n", NULL,
     "cpu.microcode", "0xa0011d5"},
    {"microcode of one CPU", "[0.0] microcode: sig=0x806f8, pf=0x10, revision=0x2b000181\n", NULL,
     "cpu.microcode", "0x2b000181"},
    {"the open kernel module",
     "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  550.90.07  Release Build\n", NULL,
     "nvidia.module_kind", "open"},
    {"the closed kernel module",
     "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15  Thu Feb 22 2024\n", NULL,
     "nvidia.module_kind", "proprietary"},
    {"its version", "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15  Thu Feb 22 2024\n",
     NULL, "nvidia.module_version", "550.54.15"},
    {"out of memory", "Out of memory: Killed process 123\noom-kill:constraint=X\n", NULL, "log.oom",
     "1"},
    {"NCCL's segfault",
     "[1.0] pt_main_thread[25]: segfault at 7f ip 7f sp 7f error 4 in libnccl.so.2[7f+d]\n", NULL,
     "log.segfault_nccl", "1"},
    {"another library's segfault", "[1.0] bash[25]: segfault at 7f error 4 in libc.so[7f+d]\n",
     NULL, "log.segfault_nccl", "(absent)"},
    {"corrected memory errors add up",
     "[1.0] EDAC MC0: 1 CE memory read error on CPU\n[2.0] EDAC MC1: 12 CE memory\n", NULL,
     "log.edac_ce", "13"},
    {"an uncorrected memory error", "[1.0] EDAC MC0: 1 UE memory read error\n", NULL, "log.edac_ue",
     "1"},
    {"machine checks",
     "[1.0] mce: [Hardware Error]: Machine check events logged\n[1.0] mce: [Hardware Error]: CPU "
     "2: "
     "Machine Check: 0 Bank 5: b2\n",
     NULL, "log.mce", "1"},
    {"the driver's halves differ", "[1.0] NVRM: API mismatch: the client has the version 535\n",
     NULL, "log.nvrm_api_mismatch", "+"},
    {"file-max", "[1.0] VFS: file-max limit 1000000 reached\n", NULL, "log.file_max", "1"},
    {"hung", "[1.0] INFO: task nv:12 blocked for more than 120 seconds.\n", NULL, "log.hung_task",
     "1"},
    {"soft lockup", "[1.0] watchdog: BUG: soft lockup - CPU#3 stuck\n", NULL, "log.soft_lockup",
     "1"},
    {"panic", "<0>[1.0] Kernel panic - not syncing: x\n", NULL, "log.panic", "1"},
    {"read-only", "[1.0] EXT4-fs (sda1): Remounting filesystem read-only\n", NULL,
     "log.readonly_fs", "1"},
    {"a payload that can't be set",
     "[1.0] nvme 0000:02:00.0: can't set Max Payload Size to 256; if necessary, use\n", NULL,
     "log.mps_failed", "1"},
    {"an ACS erratum",
     "pcieport 0000:05:00.0: Setting PI7C9X2Gxxx store-forward mode to avoid ACS erratum\n", NULL,
     "log.acs_quirk", "Setting PI7C9X2Gxxx store-forward mode to avoid ACS erratum"},
    {"a port that goes down",
     "[1.0] mlx5_core 0000:17:00.0 ens1f0np0: Link down\n[2.0] mlx5_core 0000:17:00.0 ens1f0np0: "
     "Link down\n",
     NULL, "log.link_flaps.ens1f0np0", "2"},
    {"a container's port is no cable",
     "Aug 17 06:18:01 h systemd-networkd[5]: cali12: lost carrier\n", NULL, "log.link_flaps.cali12",
     "(absent)"},
    {"translated while an IOMMU is in use",
     "[0.0] Linux version 6.1\n[0.1] iommu: Default domain type: Translated\n[0.2] pci "
     "0000:00:00.0: Adding to iommu group 0\n",
     NULL, "iommu.default_domain", "Translated"},
    {"translated without an IOMMU means nothing",
     "[0.0] Linux version 6.1\n[0.1] iommu: Default domain type: Translated\n", NULL,
     "iommu.default_domain", "(absent)"},
    {"no IOMMU in use", "[0.0] Linux version 6.1\n", NULL, "iommu.enabled", "-"},
    {"a log that lost its boot says nothing of the IOMMU", "[99.0] usb 1-1: new\n", NULL,
     "iommu.enabled", "(absent)"},
    {"interrupt remapping", "[0.0] AMD-Vi: Interrupt remapping enabled\n", NULL,
     "iommu.interrupt_remapping", "+"},
    {"the next boot forgets what the last one decided",
     "[0.0] Linux version 5.1\n[0.1] acpi PNP0A08:00: _OSC: platform does not support [AER]\n[0.0] "
     "Linux version 5.1\n",
     NULL, "osc.not_granted", "(absent)"},
    {"the next boot deals out BARs anew",
     "[0.0] Linux version 5.1\n[0.1] pci 0000:84:00.0: BAR 1 [mem size 0x8]: can't assign; no "
     "space\n[0.0] Linux version 5.1\n[9.0] NVRM: Xid (PCI:0000:84:00): 13, x\n",
     "0000:84:00.0", "Log.bar_unassigned", "(absent)"},
    {"the union of what is not granted",
     "acpi PNP0A08:00: _OSC: platform does not support [AER LTR]\nacpi PNP0A08:01: _OSC: platform "
     "does not support [LTR DPC]\n",
     NULL, "osc.not_granted", "AER LTR DPC"},
    {"one bridge",
     "acpi PNP0A08:00: _OSC: platform does not support [AER LTR]\nacpi PNP0A08:01: _OSC: platform "
     "does not support [LTR DPC]\n",
     NULL, "osc.1.not_granted", "LTR DPC"},
    {"ECAM lost", "[0.0] Linux version 6.1\n[0.1] PCI: not using MMCONFIG\n", NULL,
     "log.ecam_missing", "+"},
    {"ECAM found on the second try",
     "[0.0] Linux version 6.1\n[0.1] PCI: not using MMCONFIG\n[0.2] PCI: MMCONFIG at [mem 0x8-0x9] "
     "reserved in ACPI motherboard resources\n",
     NULL, "log.ecam_missing", "-"},
    {"lost CPUs are a list",
     "smpboot: CPU 7 has invalid APIC ID ff. Aborting\nsmpboot: CPU 8 has invalid APIC ID ff.\n"
     "smpboot: CPU 12 has invalid APIC ID ff.\n",
     NULL, "log.cpu_apic_invalid", "7-8,12"},
    {"the BIOS", "[0.0] DMI: Dell Inc. PowerEdge XE9680/0KK0RG, BIOS 2.3.5 09/10/2024\n", NULL,
     "bios.version", "2.3.5"},
    {"the kernel", "[0.0] Linux version 6.17.0-20-generic (buildd@x)\n", NULL, "os.kernel",
     "6.17.0-20-generic"},
    {"the command line", "[0.0] Command line: BOOT_IMAGE=/v ro iommu=pt\n", NULL, "cmdline.iommu",
     "pt"},
};

static void test_each_line_gives_its_fact(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed f = parsed_new(FACT_KEEP_ALL);
        const char *got;

        parsed_text(&f, dmesg_parse, "dmesg.txt", str_of(cases[i].text));
        got = cases[i].subject ? parsed_pci(&f, cases[i].subject, cases[i].path)
                               : parsed_host(&f, cases[i].path);
        if (strcmp(got, cases[i].want))
            fail_msg("%s: %s is %s, not %s", cases[i].name, cases[i].path, got, cases[i].want);
        assert_string_not_equal(parsed_host(&f, "log.lines"), "(absent)");
        parsed_prefixes(dmesg_parse, NULL, str_of(cases[i].text));
        parsed_done(&f);
    }
}

static void test_a_fact_names_its_first_line(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct str text = STR("one\ntwo\n[1.0] NVRM: Xid (PCI:0000:9b:00): 79, first\n"
                          "[1.0] NVRM: Xid (PCI:0000:9b:00): 79, second\n");
    struct fact_at at;

    (void)state;
    parsed_text(&f, dmesg_parse, "dmesg.txt", text);
    at = parsed_at(&f, SUBJECT_PCI, "0000:9b:00.0", "Xid.79");
    assert_int_equal(node_fact_line(f.node, at), 3);
    assert_true(str_ends(node_fact_text(f.node, at), "first"));
    parsed_done(&f);
}

static void test_a_refused_dmesg_is_unseen(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, dmesg_parse, "dmesg.txt",
                STR("dmesg: read kernel buffer failed: Operation not permitted\n"));
    assert_true(parsed_unseen(&f, "without root"));
    assert_int_equal(f.node->subjects[0].count, 0);
    parsed_done(&f);
}

static void test_a_log_without_its_boot_says_so(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, dmesg_parse, "dmesg.txt", STR("[999.0] usb 1-1: new device\n"));
    assert_true(parsed_unseen(&f, "does not reach back"));
    parsed_done(&f);
}

/* A log that names a million devices must not make a million subjects. */
static void test_a_flood_of_devices_is_bounded(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct buf text = {0};

    (void)state;
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&text, "NVRM: Xid (PCI:%04x:%02x:00): %u, x\nacpi PNP%u: _OSC: x\n", i >> 8,
                   i & 255, i, i);
    parsed_text(&f, dmesg_parse, "dmesg.txt", (struct str){text.p, text.len});
    assert_int_equal(f.node->subject_count, DMESG_DEVICES_MAX + 1);
    assert_true(parsed_unseen(&f, "more devices"));
    buf_done(&text);
    parsed_done(&f);
}

static void test_asus_lost_a_cpu_and_owns_no_aer(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct str text;
    char *bytes = data_file("asus-esc8000a-e13p.dmesg.txt", &text);

    (void)state;
    SKIP_WITHOUT(bytes);
    parsed_text(&f, dmesg_parse, "dmesg.txt", text);
    assert_string_equal(parsed_host(&f, "log.cpu_apic_invalid"), "239");
    assert_string_equal(parsed_host(&f, "osc.not_granted"), "AER LTR DPC");
    assert_string_equal(parsed_host(&f, "osc.bridges"), "16");
    assert_string_equal(parsed_host(&f, "cmdline.iommu"), "off");
    assert_string_equal(parsed_host(&f, "iommu.enabled"), "-");
    assert_string_equal(parsed_host(&f, "iommu.default_domain"), "(absent)");
    assert_string_equal(parsed_host(&f, "iommu.interrupt_remapping"), "-");
    assert_string_equal(parsed_host(&f, "log.x2apic_disabled"), "+");
    assert_string_equal(parsed_host(&f, "log.ecam_missing"), "-");
    assert_string_equal(parsed_host(&f, "bios.version"), "1104");
    assert_string_equal(parsed_host(&f, "os.kernel"), "6.17.0-20-generic");
    assert_string_equal(parsed_host(&f, "log.mce"), "(absent)");
    parsed_done(&f);
    parsed_prefixes(dmesg_parse, NULL, (struct str){text.p, 30000});
    free(bytes);
}

static const struct {
    const char *file, *subject, *path, *want;
} known[] = {
    {"gpud-dmesg-xid119.txt", "0000:9b:00.0", "Xid.119", "5"},
    {"gpud-dmesg-mem.txt", "0000:38:00.0", "Xid.13", "16"},
    {"gpud-dmesg-mem.txt", "0000:38:00.0", "Xid.43", "1"},
    {"gpud-dmesg-mem.txt", NULL, "log.oom", "3"},
    {"gpud-dmesg-nccl-segv.txt", NULL, "log.segfault_nccl", "2"},
    {"gpud-dmesg-os.txt", NULL, "log.file_max", "2"},
    {"gpud-kmsg2-peermem.txt", NULL, "log.peermem_invalid", "7"},
    {"gpud-pstore-dmesg-erst.txt", NULL, "log.oops", "1"},
    {"issue-aikitoria-ogkm-9-bar1-nospace.dmesg.txt", "0000:84:00.0", "Log.bar_unassigned", "1"},
    {"issue-perftest-289-gdr-one-way.dmesg.txt", NULL, "iommu.enabled", "-"},
    {"issue-perftest-289-gdr-one-way.dmesg.txt", NULL, "cmdline.intel_iommu", "off"},
    {"ml-ga402rj-aer98.dmesg.txt", "0000:03:00.1", "Log.aer_uncorrected", "98"},
    {"ml-extcfg-missing-ecam.dmesg.txt", NULL, "log.ecam_missing", "-"},
    {"ml-kabylake-aer-rxerr.dmesg.txt", NULL, "iommu.interrupt_remapping", "+"},
    {"ml-hifive-unmatched.dmesg.txt", "0000:05:00.0", "Log.bandwidth_limited_by", "0000:02:03.0"},
    {"ml-bug219619-vfio-gpu-bar.1.dmesg.txt", NULL, "iommu.default_domain", "Passthrough"},
    {"node-scraper-dmesg_sample.txt", "0000:11:01.0", "Log.apei_errors", "1"},
    {"node-scraper-dmesg_sample.txt", NULL, "log.iommu_faults", "1"},
    {"azure-nhc-1dev_6flap_syslog.txt", NULL, "log.link_flaps.ib6", "6"},
    {"azure-nhc-0flap_syslog.txt", NULL, "log.link_flaps.ib6", "(absent)"},
};

static void test_real_logs_say_what_is_known_of_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct parsed f = parsed_new(FACT_KEEP_ALL);
        const char *got;
        struct str text;
        char *bytes = data_file(known[i].file, &text);

        SKIP_WITHOUT(bytes);
        parsed_text(&f, dmesg_parse, known[i].file, text);
        got = known[i].subject ? parsed_pci(&f, known[i].subject, known[i].path)
                               : parsed_host(&f, known[i].path);
        if (strcmp(got, known[i].want))
            fail_msg("%s: %s is %s, not %s", known[i].file, known[i].path, got, known[i].want);
        parsed_done(&f);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_gives_its_fact),
        cmocka_unit_test(test_a_fact_names_its_first_line),
        cmocka_unit_test(test_a_refused_dmesg_is_unseen),
        cmocka_unit_test(test_a_log_without_its_boot_says_so),
        cmocka_unit_test(test_a_flood_of_devices_is_bounded),
        cmocka_unit_test(test_asus_lost_a_cpu_and_owns_no_aer),
        cmocka_unit_test(test_real_logs_say_what_is_known_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
