/* The small text parsers: one row, one text, one fact. */
#include "support/parsed.h"

#include "host/bmc.h"
#include "host/clock.h"
#include "host/cmdline.h"
#include "host/cpu.h"
#include "host/disk.h"
#include "host/limits.h"
#include "host/memory.h"
#include "host/module.h"
#include "host/nvidia_proc.h"
#include "host/osinfo.h"
#include "host/package.h"
#include "host/service.h"
#include "host/sysctl.h"

#define LSCPU                                                                                      \
    "Architecture:          x86_64\nCPU(s):                256\n"                                  \
    "On-line CPU(s) list:   0-238,240-255\nOff-line CPU(s) list:  239\n"                           \
    "Thread(s) per core:    2\nFrequency boost:       enabled\nCPU max MHz:           5008.9292\n" \
    "Vulnerability Spectre v2: Vulnerable; IBPB: disabled\nVulnerability Spec rstack overflow: "   \
    "Vulnerable\n"

#define NUMACTL                                                                                    \
    "available: 2 nodes (0-1)\nnode 0 cpus: 0 1 2 3 8 9\nnode 0 size: 773676 MB\n"                 \
    "node 0 free: 1 MB\nnode 1 cpus:\nnode 1 size: 0 MB\nnode distances:\nnode   0   1 \n"         \
    "  0:  10  32 \n  1:  32  10 \n"

#define UNITS                                                                                      \
    "  UNIT                          LOAD   ACTIVE SUB     DESCRIPTION\n"                          \
    "  nvidia-persistenced.service   loaded active running NVIDIA Persistence Daemon\n"            \
    "\xe2\x97\x8f nvidia-fabricmanager.service loaded failed failed NVIDIA fabric manager\n"       \
    "* openibd.service not-found inactive dead openibd.service\n"                                  \
    "LOAD   = Reflects whether the unit definition was properly loaded.\n"

#define SEL                                                                                        \
    "   1 | 10/23/2025 | 10:11:12 | Power Supply #0x51 | Power Supply AC lost | Asserted\n"        \
    "   2 | 10/23/2025 | 10:12:12 | Power Supply #0x51 | Power Supply AC lost | Deasserted\n"      \
    "   3 | 10/24/2025 | 10:12:12 | Power Supply #0x52 | Power Supply AC lost | Asserted\n"        \
    "   4 | 10/24/2025 | 10:12:12 | Fan FAN3 | Lower Critical going low | Asserted | Reading 0\n"

static const struct {
    const char *name;
    text_parser *parse;
    const char *text, *path, *want;
    const char *numa; /* the fact stands on this NUMA node */
} cases[] = {
    {"a flag", cmdline_parse, "ro iommu=pt quiet\n", "cmdline.quiet", "", NULL},
    {"a value", cmdline_parse, "ro iommu=pt quiet\n", "cmdline.iommu", "pt", NULL},
    {"a value with equal signs", cmdline_parse, "pci=config_acs=0x1@0000:00\n", "cmdline.pci",
     "config_acs=0x1@0000:00", NULL},
    {"repeated tokens are joined", cmdline_parse, "console=tty0 a console=ttyS0,115200\n",
     "cmdline.console", "tty0,ttyS0,115200", NULL},
    {"quotes hold blanks", cmdline_parse, "dyndbg=\"file a.c +p\" ro\n", "cmdline.dyndbg",
     "\"file a.c +p\"", NULL},

    {"lscpu's count", lscpu_parse, LSCPU, "cpu.count", "256", NULL},
    {"lscpu's lost CPU", lscpu_parse, LSCPU, "cpu.offline", "239", NULL},
    {"lscpu's online CPUs counted", lscpu_parse, LSCPU, "cpu.online_count", "255", NULL},
    {"lscpu's boost", lscpu_parse, LSCPU, "cpu.boost", "+", NULL},
    {"lscpu's speed without its fraction", lscpu_parse, LSCPU, "cpu.max_mhz", "5008", NULL},
    {"lscpu names weaknesses as sysfs does", lscpu_parse, LSCPU,
     "vulnerability.spec_rstack_overflow", "Vulnerable", NULL},
    {"a weakness's text may hold colons", lscpu_parse, LSCPU, "vulnerability.spectre_v2",
     "Vulnerable; IBPB: disabled", NULL},
    {"one microcode", cpuinfo_parse,
     "processor\t: 0\nmicrocode\t: 0xb1\n\nprocessor\t: 1\nmicrocode\t: 0xb1\n", "cpu.microcode",
     "0xb1", NULL},
    {"two microcodes", cpuinfo_parse,
     "processor\t: 0\nmicrocode\t: 0xb1\n\nprocessor\t: 1\nmicrocode\t: 0xb2\n", "cpu.microcode",
     "mixed", NULL},
    {"sockets", cpuinfo_parse,
     "processor\t: 0\nphysical id\t: 0\nsiblings\t: 127\ncpu cores\t: 64\nprocessor\t: "
     "1\nphysical id\t: 1\n",
     "cpu.sockets", "2", NULL},
    {"threads in spite of a lost CPU", cpuinfo_parse,
     "processor\t: 0\nphysical id\t: 0\nsiblings\t: 127\ncpu cores\t: 64\n", "cpu.threads_per_core",
     "2", NULL},

    {"memory", meminfo_parse, "MemTotal:       24684088 kB\nMemFree: 1 kB\n", "mem.total_kb",
     "24684088", NULL},
    {"memory that is compared", meminfo_parse, "MemTotal:       1585188288 kB\n", "mem.about_mb",
     "1540096", NULL},
    {"of an equal machine", meminfo_parse, "MemTotal:       1585180000 kB\n", "mem.about_mb",
     "1540096", NULL},
    {"of one that lacks a DIMM of 24", meminfo_parse, "MemTotal:       1518079424 kB\n",
     "mem.about_mb", "1474560", NULL},
    {"huge pages", meminfo_parse, "HugePages_Total:      16\nHugepagesize:       2048 kB\n",
     "mem.hugepages_total", "16", NULL},
    {"NUMA nodes", numactl_parse, NUMACTL, "cpu.numa_nodes", "2", NULL},
    {"a node's CPUs", numactl_parse, NUMACTL, "numa.cpus", "0-3,8-9", "0"},
    {"a node's memory", numactl_parse, NUMACTL, "numa.mem_mb", "773676", "0"},
    {"a node without memory", numactl_parse, NUMACTL, "numa.mem_mb", "0", "1"},
    {"distances", numactl_parse, NUMACTL, "numa.distances", "32 10", "1"},

    {"the system", os_release_parse, "PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\nVERSION_ID=\"22.04\"\n",
     "os.name", "Ubuntu 22.04.4 LTS", NULL},
    {"the kernel", version_parse, "Linux version 6.8.0-41-generic (b@x) #41\n", "os.kernel",
     "6.8.0-41-generic", NULL},
    {"the kernel by uname -a", uname_parse,
     "Linux n001 6.8.0-41-generic #41-Ubuntu SMP x86_64 GNU/Linux\n", "os.kernel",
     "6.8.0-41-generic", NULL},
    {"the kernel by uname -r", uname_parse, "6.8.0-41-generic\n", "os.kernel", "6.8.0-41-generic",
     NULL},
    {"the host", hostname_parse, "n001\n", "os.hostname", "n001", NULL},
    {"no host", hostname_parse, "hostname: command not found\n", "os.hostname", "(absent)", NULL},
    {"/proc/uptime", uptime_parse, "2320.52 4523.19\n", "uptime.seconds", "2320", NULL},
    {"uptime in days", uptime_parse, " 19:53:02 up 3 days,  4:12,  1 user,  load average: 0.07\n",
     "uptime.seconds", "274320", NULL},
    {"uptime in minutes", uptime_parse, " 19:53:02 up 38 min,  0 user,  load average: 0.07\n",
     "uptime.seconds", "2280", NULL},

    {"a loaded module", modules_parse, "nvidia 56762368 52 nvidia_uvm,nvidia_modeset, Live 0x0\n",
     "module.nvidia", "", NULL},
    {"lsmod's title is no module", modules_parse,
     "Module                  Size  Used by\nmlx5_ib               454656  0\n", "module.Module",
     "(absent)", NULL},
    {"sysctl -a", sysctl_parse, "kernel.numa_balancing = 1\nvm.swappiness = 60\n",
     "sysctl.kernel.numa_balancing", "1", NULL},
    {"a setting of three numbers", sysctl_parse, "net.ipv4.tcp_rmem = 4096\t131072\t6291456\n",
     "sysctl.net.ipv4.tcp_rmem", "4096 131072 6291456", NULL},
    {"settings of one interface are left out", sysctl_parse, "net.ipv4.conf.cali12.rp_filter = 1\n",
     "sysctl.net.ipv4.conf.cali12.rp_filter", "(absent)", NULL},
    {"settings of all interfaces are not", sysctl_parse, "net.ipv4.conf.all.rp_filter = 1\n",
     "sysctl.net.ipv4.conf.all.rp_filter", "1", NULL},
    {"a refused setting", sysctl_parse,
     "sysctl: permission denied on key 'fs.protected_fifos'\nvm.swappiness = 60\n",
     "sysctl.vm.swappiness", "60", NULL},

    {"/proc/self/limits counts bytes", limits_parse,
     "Limit                     Soft Limit           Hard Limit           Units     \n"
     "Max locked memory         8388608              unlimited            bytes     \n",
     "limit.memlock_kb", "8192", NULL},
    {"unlimited", limits_parse,
     "Max locked memory         unlimited            unlimited     bytes\n", "limit.memlock_kb",
     "-1", NULL},
    {"ulimit -a", limits_parse,
     "open files                          (-n) 1048576\nmax locked memory           (kbytes, -l) "
     "65536\n",
     "limit.memlock_kb", "65536", NULL},
    {"an older ulimit -a", limits_parse, "max user processes              (-u) unlimited\n",
     "limit.nproc", "-1", NULL},

    {"the open driver", nvidia_version_parse,
     "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (d@b)\n"
     "GCC version:  gcc version 12.3.0\n",
     "nvidia.module_kind", "open", NULL},
    {"its version", nvidia_version_parse,
     "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n",
     "nvidia.module_version", "535.129.03", NULL},
    {"a parameter of the driver", nvidia_params_parse,
     "ResmanDebugLevel: 4294967295\nEnableStreamMemOPs: 0\n", "nvparam.EnableStreamMemOPs", "0",
     NULL},

    {"a service that runs", services_parse, UNITS, "service.nvidia-persistenced", "active", NULL},
    {"a service that failed", services_parse, UNITS, "service.nvidia-fabricmanager", "failed",
     NULL},
    {"a service that is not there", services_parse, UNITS, "service.openibd", "not-found", NULL},
    {"systemctl show", services_parse,
     "Id=nvidia-fabricmanager.service\nLoadState=loaded\nActiveState=inactive\n\nId=x.service\n",
     "service.nvidia-fabricmanager", "inactive", NULL},
    {"systemctl status", services_parse,
     "\xe2\x97\x8f irqbalance.service - irqbalance daemon\n     Loaded: loaded (/lib)\n     "
     "Active: "
     "active (running) since Mon\n",
     "service.irqbalance", "active", NULL},

    {"dpkg-query -W", packages_parse, "libnccl2\t2.21.5-1+cuda12.4\nbash\t5.1\n",
     "package.libnccl2", "2.21.5-1+cuda12.4", NULL},
    {"other packages are left out", packages_parse, "libnccl2\t2.21.5-1\nbash\t5.1\n",
     "package.bash", "(absent)", NULL},
    {"a package that is not installed", packages_parse, "libnccl2\t\n", "package.libnccl2",
     "(absent)", NULL},
    {"dpkg -l", packages_parse,
     "ii  rdma-core:amd64   2404mlnx51-1.2404066   amd64   RDMA core userspace\n",
     "package.rdma-core", "2404mlnx51-1.2404066", NULL},
    {"a removed package", packages_parse, "rc  rdma-core   28.0-1ubuntu1   amd64   RDMA core\n",
     "package.rdma-core", "(absent)", NULL},
    {"the fabric manager has one name", packages_parse, "nvidia-fabricmanager-550\t550.54.15-1\n",
     "package.nvidia-fabricmanager", "550.54.15-1", NULL},
    {"and none when it is not installed", packages_parse, "nvidia-fabricmanager-dev-550\t\n",
     "package.nvidia-fabricmanager", "(absent)", NULL},
    {"rpm -qa", packages_parse, "rdma-core-2404mlnx51-1.2404066.x86_64\n", "package.rdma-core",
     "2404mlnx51-1.2404066.x86_64", NULL},
    {"OFED", ofed_info_parse, "MLNX_OFED_LINUX-23.10-1.1.9.0:\n", "ofed.version",
     "MLNX_OFED_LINUX-23.10-1.1.9.0", NULL},

    {"a disk", df_parse,
     "Filesystem     1024-blocks      Used Available Capacity Mounted on\n"
     "/dev/vda         264212084  16595552  83741636      97% /\n",
     "disk./.full_percent", "97", NULL},
    {"shared memory", df_parse, "tmpfs 24684084 0 24684084 0% /dev/shm\n", "shm.size_kb",
     "24684084", NULL},
    {"a snap is full by nature", df_parse, "/dev/loop3 56960 56960 0 100% /snap/core18/2829\n",
     "disk./snap/core18/2829.full_percent", "(absent)", NULL},
    {"a disk that went read-only", mounts_parse,
     "/dev/sda1 / ext4 ro,relatime 0 0\n/dev/sdb1 /data xfs rw 0 0\n", "fs.readonly", "/", NULL},
    {"disks that did not", mounts_parse, "/dev/sdb1 / xfs rw,relatime 0 0\n", "fs.readonly",
     "(absent)", NULL},

    {"a clock behind", chronyc_parse,
     "Reference ID    : A9FEA97B (1.2.3.4)\nSystem time     : 0.001234500 seconds slow of NTP "
     "time\n"
     "Leap status     : Normal\n",
     "clock.offset_us", "-1235", NULL},
    {"a clock without a master", chronyc_parse, "Leap status     : Not synchronised\n",
     "clock.synchronized", "-", NULL},
    {"timedatectl show", timedatectl_parse, "Timezone=Etc/UTC\nNTP=yes\nNTPSynchronized=no\n",
     "clock.synchronized", "-", NULL},
    {"timedatectl", timedatectl_parse,
     "               Local time: Mon 2025-01-01 10:00:00 UTC\nSystem clock synchronized: yes\n"
     "                Time zone: Etc/UTC (UTC, +0000)\n",
     "clock.timezone", "Etc/UTC", NULL},

    {"the BMC", bmc_parse,
     "Device ID                 : 32\nFirmware Revision         : 7.10\nIPMI Version              "
     ": "
     "2.0\n",
     "bmc.firmware", "7.10", NULL},
    {"power supplies that lost mains", bmc_parse, SEL, "sel.psu_lost", "2", NULL},
    {"and those that still miss it", bmc_parse, SEL, "sel.psu_lost.lasting", "1", NULL},
    {"a fan", bmc_parse, SEL, "sel.fan", "1", NULL},
};

static void test_each_text_gives_its_fact(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed f = parsed_new(FACT_KEEP_ALL);
        const char *got;

        parsed_text(&f, cases[i].parse, "text", str_of(cases[i].text));
        got = cases[i].numa ? parsed_get(&f, SUBJECT_NUMA, cases[i].numa, cases[i].path)
                            : parsed_host(&f, cases[i].path);
        if (strcmp(got, cases[i].want))
            fail_msg("%s: %s is %s, not %s", cases[i].name, cases[i].path, got, cases[i].want);
        parsed_done(&f);
        parsed_prefixes(cases[i].parse, NULL, str_of(cases[i].text));
    }
}

static const struct {
    text_parser *parse;
    const char *text, *why;
} refusals[] = {
    {services_parse, "Failed to connect to bus: Host is down\n", "systemd could not be asked"},
    {services_parse, "System has not been booted with systemd as init system (PID 1).\n",
     "systemd does not run"},
    {chronyc_parse, "506 Cannot talk to daemon\n", "chronyd does not run"},
    {lscpu_parse, "bash: lscpu: command not found\n", "not installed"},
    {numactl_parse, "sh: 1: numactl: not found\n", "not installed"},
    {bmc_parse,
     "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: No such file or "
     "directory\n",
     "there is no"},
    {packages_parse, "sh: 1: rpm: not found\n", "not installed"},
};

static void test_a_complaint_is_unseen_not_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct parsed f = parsed_new(FACT_KEEP_ALL);

        parsed_text(&f, refusals[i].parse, "text", str_of(refusals[i].text));
        if (!parsed_unseen(&f, refusals[i].why) || f.node->subjects[0].count)
            fail_msg("\"%s\" is not unseen because %s", refusals[i].text, refusals[i].why);
        parsed_done(&f);
    }
}

static void test_the_first_source_wins(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, cmdline_parse, "cmdline", STR("iommu=pt\n"));
    parsed_text(&f, cmdline_parse, "cmdline.old", STR("iommu=off quiet\n"));
    assert_string_equal(parsed_host(&f, "cmdline.iommu"), "pt");
    assert_string_equal(parsed_host(&f, "cmdline.quiet"), "");
    assert_int_equal(f.node->subjects[0].count, 2);
    assert_int_equal(f.node->subjects[0].refs[1].block->count, 1);
    parsed_done(&f);
}

static void test_the_order_of_the_lines_means_nothing(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL), g = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, cmdline_parse, "a", STR("iommu=pt ro quiet\n"));
    parsed_text(&g, cmdline_parse, "b", STR("quiet iommu=pt ro\n"));
    assert_true(f.node->subjects[0].refs[0].block->config_sig ==
                g.node->subjects[0].refs[0].block->config_sig);
    parsed_done(&f);
    parsed_done(&g);
}

static void test_a_gpu_tells_its_vbios_without_nvidia_smi(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct str text = STR("Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t GPU-??\n"
                          "Video BIOS: \t 96.00.74.00.01\nBus Location: \t 0000:19:00.0\n");

    (void)state;
    parsed_text(&f, nvidia_information_parse, "information", text);
    assert_string_equal(parsed_pci(&f, "0000:19:00.0", "SMI.VBIOS Version"), "96.00.74.00.01");
    assert_string_equal(parsed_pci(&f, "0000:19:00.0", "SMI.GPU UUID"), "(absent)");
    parsed_prefixes(nvidia_information_parse, NULL, text);
    parsed_done(&f);
}

static void test_asus_lost_cpu_239(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct str cpu, numa, cmdline;
    char *a = data_file("asus-esc8000a-e13p.lscpu.txt", &cpu);
    char *b = data_file("asus-esc8000a-e13p.numa.txt", &numa);
    char *c = data_file("asus-esc8000a-e13p.cmdline.txt", &cmdline);

    (void)state;
    SKIP_WITHOUT(a && b && c);
    parsed_text(&f, lscpu_parse, "lscpu.txt", cpu);
    parsed_text(&f, numactl_parse, "numa.txt", numa);
    parsed_text(&f, cmdline_parse, "cmdline.txt", cmdline);
    assert_string_equal(parsed_host(&f, "cpu.offline"), "239");
    assert_string_equal(parsed_host(&f, "cpu.online_count"), "255");
    assert_string_equal(parsed_host(&f, "cpu.numa_nodes"), "2");
    assert_string_equal(parsed_host(&f, "cmdline.iommu"), "off");
    assert_string_equal(parsed_host(&f, "cmdline.mitigations"), "off");
    assert_string_equal(parsed_get(&f, SUBJECT_NUMA, "1", "numa.cpus"), "64-127,192-238,240-255");
    parsed_prefixes(lscpu_parse, NULL, cpu);
    parsed_prefixes(numactl_parse, NULL, numa);
    parsed_done(&f);
    free(a);
    free(b);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_text_gives_its_fact),
        cmocka_unit_test(test_a_complaint_is_unseen_not_clean),
        cmocka_unit_test(test_the_first_source_wins),
        cmocka_unit_test(test_the_order_of_the_lines_means_nothing),
        cmocka_unit_test(test_a_gpu_tells_its_vbios_without_nvidia_smi),
        cmocka_unit_test(test_asus_lost_cpu_239),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
