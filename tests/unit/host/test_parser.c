#include "host/parser.h"
#include "support/parsed.h"

static const struct {
    const char *path, *text, *kind;
} cases[] = {
    {"dmesg", "", "dmesg"},
    {"n001/asus.dmesg.txt", "", "dmesg"},
    {"cmd/dmesg.txt", "", "dmesg"},
    {"var/log/kern.log.1", "", "dmesg"},
    {"DMESG.TXT", "", "dmesg"},
    {"cmd/dmidecode.txt", "", "dmidecode"},
    {"dmidecode", "# dmidecode 3.5\n", "dmidecode"},
    {"dmidecode.bin", "", "smbios"},
    {"proc/cmdline", "ro quiet\n", "cmdline"},
    {"asus.cmdline.txt", "BOOT_IMAGE=/v\n", "cmdline"},
    {"lscpu.out", "", "lscpu"},
    {"cmd/lscpu.txt", "", "lscpu"},
    {"cmd/numactl_-H.txt", "", "numactl"},
    {"asus.numa.txt", "", "numactl"},
    {"proc/cpuinfo", "", "cpuinfo"},
    {"proc/meminfo", "", "meminfo"},
    {"proc/modules", "", "modules"},
    {"proc/self/limits", "", "limits"},
    {"proc/mounts", "", "mounts"},
    {"proc/uptime", "", "uptime"},
    {"proc/version", "Linux version 6.1 (x)\n", "version"},
    {"proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.1\n",
     "nvidia-version"},
    {"proc/driver/nvidia/params", "ResmanDebugLevel: 4294967295\n", "nvidia-params"},
    {"proc/driver/nvidia/gpus/0000:19:00.0/information", "Model: x\nBus Location: 0000:19:00.0\n",
     "nvidia-information"},
    {"etc/os-release", "", "os-release"},
    {"etc/hostname", "", "hostname"},
    {"cmd/systemctl_list-units.txt", "", "systemctl"},
    {"cmd/dpkg-query_-W.txt", "", "packages"},
    {"cmd/rpm_-qa.txt", "", "packages"},
    {"cmd/ofed_info_-s.txt", "", "ofed_info"},
    {"cmd/chronyc_tracking.txt", "", "chronyc"},
    {"cmd/timedatectl.txt", "", "timedatectl"},
    {"cmd/ipmitool_mc_info.txt", "", "ipmitool"},
    {"cmd/df_-P.txt", "", "df"},
    {"cmd/nvidia-smi_-q.txt", "", "nvidia-smi"},
    {"cmd/ibstat.txt", "", "ibstat"},
    {"cmd/mlxconfig_-e_q.txt", "", "mlxconfig"},
    {"cmd/ethtool_-i_eth0.txt", "", "ethtool"},
    /* by content */
    {"n001.txt", "[    0.000000] Linux version 6.1\n[    0.000000] Command line: ro\n", "dmesg"},
    {"a/b", "# dmidecode 3.5\nGetting SMBIOS data from sysfs.\n", "dmidecode"},
    {"x", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro\n", "cmdline"},
    {"x", "available: 2 nodes (0-1)\nnode 0 cpus: 0\n", "numactl"},
    {"x", "MemTotal:       24684088 kB\n", "meminfo"},
    /* of nobody */
    {"x", "", NULL},
    {"x", "hello world\n", NULL},
    {"sys/devices/system/cpu/online", "0-255\n", NULL},
    {"sys/module/nvidia/parameters/dmesg", "1\n", NULL},
    {"proc/sys/kernel/version", "#1 SMP\n", NULL},
    {"sys/bus/pci/devices/0000:00:00.0/config", "\x86\x80", NULL},
};

static void test_a_file_finds_its_parser(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct parser *parser = parser_for(cases[i].path, str_of(cases[i].text));
        const char *kind = parser ? parser->kind : NULL;

        if (kind != cases[i].kind && (!kind || !cases[i].kind || strcmp(kind, cases[i].kind)))
            fail_msg("%s is read as %s, not %s", cases[i].path, kind ? kind : "nothing",
                     cases[i].kind ? cases[i].kind : "nothing");
    }
}

static const struct {
    const char *file, *kind;
} real[] = {
    {"asus-esc8000a-e13p.cmdline.txt", "cmdline"},
    {"asus-esc8000a-e13p.dmesg.txt", "dmesg"},
    {"asus-esc8000a-e13p.dmidecode.txt", "dmidecode"},
    {"asus-esc8000a-e13p.lscpu.txt", "lscpu"},
    {"asus-esc8000a-e13p.numa.txt", "numactl"},
    {"asus-esc8000a-e13p.nvidia_smi_full.txt", "nvidia-smi"},
    {"asus-esc8000a-e13p.nvidia_topo.txt", "nvidia-topo"},
    {"azure-nhc-bad_nvlink_status.txt", "nvlink"},
    {"azure-nhc-good_nvlink_status.txt", "nvlink"},
    {"azure-nhc-1dev_6flap_syslog.txt", "dmesg"},
    {"gpud-dmesg-mem.txt", "dmesg"},
    {"gpud-dmesg-xid119.txt", "dmesg"},
    {"gpud-dmidecode.txt", "dmidecode"},
    {"gpud-kmsg1.txt", "dmesg"},
    {"gpud-pstore-dmesg-erst.txt", "dmesg"},
    {"gpud-fabricmanager.log.txt", "fabricmanager"},
    {"issue-perftest-289-gdr-one-way.dmesg.txt", "dmesg"},
    {"issue-nccl-667-vtd-hang.nvidia-smi-topo.txt", "nvidia-topo"},
    {"node-scraper-dmesg_sample.txt", "dmesg"},
    {"superbench-ib_traffic_topo_aware_ibstat.txt", "ibstat"},
    {"superbench-ib_traffic_topo_aware_ibnetdiscover.txt", "ibnetdiscover"},
    {"asus-esc8000a-e13p.lspci_full.txt", NULL},
    {"dell-h100-hgx-pex890xx.lspci-vvv.txt", NULL},
    {"gpud-a100.lspci-nn.txt", NULL},
    {"hwloc-2pa-pcidomain32bits.lspci-x.txt", NULL},
    {"ml-hifive-unmatched.lspci-xxxx.txt", NULL},
    {"pciutils-test-cap-dpc.txt", NULL},
};

static void test_real_files_find_their_parser_by_name_and_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(real); i++) {
        struct str text;
        char *bytes = data_file(real[i].file, &text);
        const struct parser *named, *blind;

        SKIP_WITHOUT(bytes);
        named = parser_for(real[i].file, text);
        blind = parser_for("x", text);
        if (named ? !real[i].kind || strcmp(named->kind, real[i].kind) : real[i].kind != NULL)
            fail_msg("%s is read as %s", real[i].file, named ? named->kind : "nothing");
        if (blind && (!real[i].kind || strcmp(blind->kind, real[i].kind)))
            fail_msg("%s without its name is read as %s", real[i].file, blind->kind);
        free(bytes);
    }
}

/* No file of any kind may hurt any parser that might get it by its name. */
static void test_every_parser_survives_every_real_file(void **state)
{
    static const char *const kinds[] = {
        "cmdline", "cpuinfo", "lscpu",     "meminfo",    "numactl",    "uptime",
        "modules", "sysctl",  "limits",    "systemctl",  "df",         "packages",
        "mounts",  "chronyc", "ipmitool",  "smbios",     "dmesg",      "dmidecode",
        "version", "uname",   "ofed_info", "os-release", "timedatectl"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(real); i++) {
        struct str text;
        char *bytes = data_file(real[i].file, &text);

        SKIP_WITHOUT(bytes);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            struct parsed f = parsed_new(FACT_KEEP_ALL);

            assert_non_null(parser_by_kind(kinds[k]));
            parsed_text(&f, parser_by_kind(kinds[k])->parse, real[i].file, text);
            assert_int_equal(node_ok(f.node), 0);
            parsed_done(&f);
        }
        free(bytes);
    }
}

static void test_what_needs_another_comes_after_it(void **state)
{
    (void)state;
    assert_true(parser_order(parser_by_kind("nvidia-smi")) <
                parser_order(parser_by_kind("nvlink")));
    assert_true(parser_order(parser_by_kind("ibstat")) < parser_order(parser_by_kind("mlxconfig")));
    assert_true(parser_order(parser_by_kind("cmdline")) < parser_order(parser_by_kind("dmesg")));
    assert_null(parser_by_kind("no such kind"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_finds_its_parser),
        cmocka_unit_test(test_real_files_find_their_parser_by_name_and_without),
        cmocka_unit_test(test_every_parser_survives_every_real_file),
        cmocka_unit_test(test_what_needs_another_comes_after_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
