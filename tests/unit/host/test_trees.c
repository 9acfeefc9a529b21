/* Parsers that look through a whole tree: sysfs and procfs as a snapshot holds them. */
#include "host/parser.h"
#include "support/parsed.h"

#define CPU "sys/devices/system/cpu/"

static struct tree_entry asus[] = {
    {"proc/cmdline", {"ro iommu=off\n", 13}, false},
    {"proc/modules", {"nvidia 56 5 nvidia_uvm, Live 0x0\nmlx5_ib 45 0 - Live 0x0\n", 58}, false},
    {"proc/sys/kernel/hostname", {"n001\n", 5}, false},
    {"proc/sys/kernel/numa_balancing", {"1\n", 2}, false},
    {"proc/sys/kernel/osrelease", {"6.8.0-41-generic\n", 17}, false},
    {"proc/sys/net/ipv4/conf/all/rp_filter", {"2\n", 2}, false},
    {"proc/sys/net/ipv4/conf/eth0/rp_filter", {"1\n", 2}, false},
    {"proc/sys/net/ipv4/tcp_rmem", {"4096\t131072\t6291456\n", 20}, false},
    {"sys/bus/pci/devices/0000:00:00.0/vendor", {"0x1022\n", 7}, false},
    {"sys/class/dmi/id/bios_version", {"1104\n", 5}, false},
    {"sys/class/dmi/id/board_serial", {"Default string\n", 15}, false},
    {CPU "cpu0/cpufreq/scaling_governor", {"performance\n", 12}, false},
    {CPU "cpu0/cpufreq/scaling_driver", {"amd-pstate-epp\n", 15}, false},
    {CPU "cpu0/cpufreq/cpuinfo_max_freq", {"5008929\n", 8}, false},
    {CPU "cpu0/cpuidle/state0/name", {"POLL\n", 5}, false},
    {CPU "cpu0/cpuidle/state0/disable", {"0\n", 2}, false},
    {CPU "cpu0/cpuidle/state1/name", {"C1\n", 3}, false},
    {CPU "cpu0/cpuidle/state2/name", {"C2\n", 3}, false},
    {CPU "cpu0/cpuidle/state2/disable", {"1\n", 2}, false},
    {CPU "cpu1/cpufreq/scaling_governor", {"powersave\n", 10}, false},
    {CPU "cpufreq/boost", {"1\n", 2}, false},
    {CPU "cpuidle/current_driver", {"acpi_idle\n", 10}, false},
    /* with the CPUs that could be plugged in */
    {CPU "offline", {"239,256-511\n", 12}, false},
    {CPU "online", {"0-238,240-255\n", 14}, false},
    {CPU "present", {"0-255\n", 6}, false},
    {CPU "smt/control", {"on\n", 3}, false},
    {CPU "vulnerabilities/spectre_v2", {"Vulnerable; IBPB: disabled\n", 27}, false},
    {"sys/devices/system/clocksource/clocksource0/current_clocksource", {"tsc\n", 4}, false},
    {"sys/devices/system/edac/mc/mc0/ce_count", {"12\n", 3}, false},
    {"sys/devices/system/edac/mc/mc0/dimm3/dimm_ce_count", {"12\n", 3}, false},
    {"sys/devices/system/edac/mc/mc0/dimm3/dimm_label", {"P0_DIMM_D1\n", 11}, false},
    {"sys/devices/system/edac/mc/mc0/dimm4/dimm_ce_count", {"0\n", 2}, false},
    {"sys/devices/system/edac/mc/mc0/ue_count", {"0\n", 2}, false},
    {"sys/devices/system/node/node0/cpulist", {"0-63,128-191\n", 13}, false},
    {"sys/devices/system/node/node0/distance", {"10 32\n", 6}, false},
    {"sys/devices/system/node/node0/meminfo",
     {"\nNode 0 MemTotal:       792244224 kB\n", 37},
     false},
    {"sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", {"16\n", 3}, false},
    {"sys/kernel/mm/transparent_hugepage/enabled", {"always [madvise] never\n", 23}, false},
    {"sys/module/nvidia/parameters/NVreg_EnableStreamMemOPs", {"0\n", 2}, false},
    {"sys/module/nvidia/version", {"550.54.15\n", 10}, false},
    {"sys/module/nvidia_uvm/parameters/uvm_disable_hmm", {"N\n", 2}, false},
};

static void parse_tree(struct parsed *f, struct tree_entry *entries, size_t count)
{
    struct tree tree = {.name = "n001.snap", .entries = entries, .count = count};
    struct err err = {0};

    tree_sort(&tree);
    for (size_t i = 0; i < tree_parser_count; i++)
        assert_int_equal(tree_parsers[i].parse(f->node, &tree, &err), 0);
    assert_int_equal(node_ok(f->node), 0);
}

static const struct {
    const char *path, *want;
} wants[] = {
    {"cpu.online", "0-238,240-255"},
    {"cpu.online_count", "255"},
    {"cpu.offline", "239"},
    {"cpu.count", "256"},
    {"cpu.governor", "mixed: performance powersave"},
    {"cpu.driver", "amd-pstate-epp"},
    {"cpu.max_mhz", "5008"},
    {"cpu.boost", "+"},
    {"cpu.smt", "on"},
    {"cpu.idle_driver", "acpi_idle"},
    {"cpu.idle_states", "POLL C1 C2(off)"},
    {"vulnerability.spectre_v2", "Vulnerable; IBPB: disabled"},
    {"module.nvidia", "550.54.15"},
    {"module.mlx5_ib", ""},
    {"modparam.nvidia_uvm.uvm_disable_hmm", "N"},
    {"modparam.nvidia.NVreg_EnableStreamMemOPs", "0"},
    {"sysctl.kernel.numa_balancing", "1"},
    {"sysctl.net.ipv4.tcp_rmem", "4096 131072 6291456"},
    {"sysctl.net.ipv4.conf.all.rp_filter", "2"},
    {"sysctl.net.ipv4.conf.eth0.rp_filter", "(absent)"},
    {"os.hostname", "n001"},
    {"os.kernel", "6.8.0-41-generic"},
    {"mem.thp", "madvise"},
    {"mem.hugepages_1048576kB", "16"},
    {"edac.mc0.ce", "12"},
    {"edac.mc0.ue", "0"},
    {"edac.mc0.dimm3.ce", "12"},
    {"edac.mc0.dimm3.label", "P0_DIMM_D1"},
    {"edac.mc0.dimm4.ce", "(absent)"},
    {"clock.source", "tsc"},
    {"iommu.groups", "0"},
    {"iommu.enabled", "-"},
    {"iommu.default_domain", "(absent)"},
    {"bios.version", "1104"},
    {"board.serial", "(absent)"},
};

static void test_the_files_of_a_host(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct fact_at at;

    (void)state;
    parse_tree(&f, asus, ARRAY_LEN(asus));
    for (size_t i = 0; i < ARRAY_LEN(wants); i++)
        if (strcmp(parsed_host(&f, wants[i].path), wants[i].want))
            fail_msg("%s is %s, not %s", wants[i].path, parsed_host(&f, wants[i].path),
                     wants[i].want);
    assert_string_equal(parsed_get(&f, SUBJECT_NUMA, "0", "numa.mem_mb"), "773676");
    assert_string_equal(parsed_get(&f, SUBJECT_NUMA, "0", "numa.cpus"), "0-63,128-191");
    at = parsed_at(&f, SUBJECT_HOST, "", "modparam.nvidia_uvm.uvm_disable_hmm");
    assert_string_equal(f.node->sources[at.ref->source].name,
                        "n001.snap:sys/module/nvidia_uvm/parameters/uvm_disable_hmm");
    assert_int_equal(node_fact_line(f.node, at), 1);
    /* the CPU that differs is the evidence */
    at = parsed_at(&f, SUBJECT_HOST, "", "cpu.governor");
    assert_string_equal(f.node->sources[at.ref->source].name,
                        "n001.snap:" CPU "cpu1/cpufreq/scaling_governor");
    parsed_done(&f);
}

static const struct {
    const char *name, *types[3], *domain, *groups;
} iommus[] = {
    {"passthrough", {"identity\n", "identity\n"}, "Passthrough", "2"},
    {"translated", {"DMA\n", "DMA-FQ\n"}, "Translated", "2"},
    {"both", {"identity\n", "DMA-FQ\n"}, "mixed", "2"},
    {"one given to a virtual machine", {"identity\n", "unmanaged\n"}, "Passthrough", "2"},
};

static void test_iommu_groups_tell_the_domain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(iommus); i++) {
        struct parsed f = parsed_new(FACT_KEEP_ALL);
        struct tree_entry entries[] = {
            {"sys/class/iommu/ivhd0/device", {"../../x", 7}, true},
            {"sys/kernel/iommu_groups/0/type", str_of(iommus[i].types[0]), false},
            {"sys/kernel/iommu_groups/1/type", str_of(iommus[i].types[1]), false},
        };

        parse_tree(&f, entries, ARRAY_LEN(entries));
        assert_string_equal(parsed_host(&f, "iommu.default_domain"), iommus[i].domain);
        assert_string_equal(parsed_host(&f, "iommu.groups"), iommus[i].groups);
        assert_string_equal(parsed_host(&f, "iommu.enabled"), "+");
        assert_string_equal(parsed_host(&f, "iommu.vendor"), "AMD");
        parsed_done(&f);
    }
}

/* Somebody's copy of /sys/class/infiniband proves nothing about the IOMMU. */
static void test_a_part_of_sysfs_says_nothing_of_the_rest(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct tree_entry entries[] = {
        {"sys/class/infiniband/mlx5_0/fw_ver", {"28.39.1002\n", 11}, false},
    };

    (void)state;
    parse_tree(&f, entries, ARRAY_LEN(entries));
    assert_string_equal(parsed_host(&f, "iommu.enabled"), "(absent)");
    parsed_done(&f);
}

static void test_no_files_no_facts(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parse_tree(&f, NULL, 0);
    assert_int_equal(f.node->subjects[0].count, 0);
    assert_int_equal(f.node->source_count, 0);
    parsed_done(&f);
}

/* Values of any length and names with strange parts, each in a block of exactly its size. */
static void test_odd_files_hurt_nothing(void **state)
{
    static const char *const values[] = {"",        "\n", "x",   "[", "999999999999999999999999",
                                         "-1",      "0-", "1-0", ",", "0-99999999999",
                                         "[madvise"};
    static const char *const more[] = {CPU "cpu/cpufreq/scaling_governor",
                                       CPU "cpuX/microcode/version",
                                       "sys/devices/system/node/node/cpulist",
                                       "sys/devices/system/node/node99999999/cpulist",
                                       "sys/devices/system/edac/mc/mc/ce_count",
                                       "sys/devices/system/edac/mc/mc0/dimm0/dimm_ce_count",
                                       "sys/kernel/iommu_groups//type",
                                       "sys/module//version",
                                       "sys/module/x/parameters/",
                                       "sys/firmware/dmi/tables/DMI"};

    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(values); v++) {
        struct tree_entry entries[ARRAY_LEN(asus) + ARRAY_LEN(more)];
        struct parsed f = parsed_new(FACT_KEEP_ALL);
        size_t len = strlen(values[v]);
        char *exact = malloc(len ? len : 1);

        assert_non_null(exact);
        if (len)
            memcpy(exact, values[v], len);
        for (size_t i = 0; i < ARRAY_LEN(entries); i++)
            entries[i] =
                (struct tree_entry){i < ARRAY_LEN(asus) ? asus[i].path : more[i - ARRAY_LEN(asus)],
                                    {exact, len},
                                    false};
        parse_tree(&f, entries, ARRAY_LEN(entries));
        parsed_done(&f);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_files_of_a_host),
        cmocka_unit_test(test_iommu_groups_tell_the_domain),
        cmocka_unit_test(test_a_part_of_sysfs_says_nothing_of_the_rest),
        cmocka_unit_test(test_no_files_no_facts),
        cmocka_unit_test(test_odd_files_hurt_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
