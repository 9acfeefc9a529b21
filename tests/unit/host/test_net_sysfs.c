#include "host/net_sysfs.h"

#include "host/net_facts.h"
#include "support/parsed.h"
#include "support/tree_of_dir.h"

#define NET "sys/class/net/"

static const struct piece pieces[] = {
    {NET "eth0/operstate", "up\n"},
    {NET "eth0/mtu", "9000\n"},
    {NET "eth0/speed", "200000\n"},
    {NET "eth0/address", "94:6d:ae:00:01:02\n"},
    {NET "eth0/device", "../../../0000:41:00.0", true},
    {NET "eth0/device/driver", "../../../../bus/pci/drivers/mlx5_core", true},
    {NET "eth0/master", "../../../bond0", true},
    {NET "eth0/qos/trust", "dscp\n"},
    {NET "eth0/ecn/roce_np/enable/0", "0\n"},
    {NET "eth0/ecn/roce_np/enable/3", "1\n"},
    {NET "eth0/carrier_changes", "13\n"},
    {NET "eth0/statistics/rx_errors", "4\n"},
    {NET "eth0/statistics/rx_bytes", "123456789\n"},
    {NET "eth1/operstate", "down\n"},
    {NET "eth1/mtu", "1500\n"},
    {NET "eth1/speed", "-1\n"},
    {NET "lo/operstate", "unknown\n"},
    {NET "lo/mtu", "65536\n"},
    {NET "veth12ab/operstate", "up\n"},
    {NET "veth12ab/mtu", "1500\n"},
    {"sys/devices/pci0000:40/0000:41:00.1/net/ib0/operstate", "up\n"},
    {"sys/devices/pci0000:40/0000:41:00.1/net/ib0/mtu", "4092\n"},
    {"proc/sys/net/ipv6/conf/eth9/mtu", "1500\n"},
};

static const struct {
    const char *subject, *path, *want;
} facts[] = {
    {"eth0", "net.mtu", "9000"},
    {"eth0", "net.speed_mbs", "200000"},
    {"eth0", "net.state", "up"},
    {"eth0", "net.mac", "94:6d:ae:00:01:02"},
    {"eth0", "net.driver", "mlx5_core"},
    {"eth0", "net.pci", "0000:41:00.0"},
    {"eth0", "net.master", "bond0"},
    {"eth0", "net.trust", "dscp"},
    {"eth0", "net.ecn_np", "0 1"},
    {"eth0", "net.ecn_rp", "(absent)"},
    {"eth0", "netcount.carrier_changes", "13"},
    {"eth0", "netcount.rx_errors", "4"},
    {"eth1", "net.speed_mbs", "(absent)"},
    {"eth1", "net.state", "down"},
    {"ib0", "net.mtu", "4092"},
    {"ib0", "net.pci", "0000:41:00.1"},
};

static void interfaces_of_the_machine_have_their_facts(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    struct arena *arena = arena_new(0);
    struct tree tree = tree_of_pieces(arena, pieces, ARRAY_LEN(pieces));

    (void)state;
    assert_int_equal(net_sysfs_parse(p.node, &tree, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        assert_fact(&p, SUBJECT_NET, facts[i].subject, facts[i].path, facts[i].want);
    assert_int_equal(p.node->subject_count, 4);
    assert_true(str_is(parsed_line(&p, SUBJECT_NET, "eth0", "netcount.rx_errors"),
                       "statistics/rx_errors: 4"));
    assert_int_equal(p.node->subjects[node_find(p.node, SUBJECT_NET, STR("eth0"))].bdf, 0x4100);
    arena_free(arena);
    parsed_done(&p);
}

static void containers_and_tunnels_are_not_the_machine(void **state)
{
    static const struct {
        const char *name;
        bool physical;
    } rows[] = {{"eth0", true},
                {"ens1f0np0", true},
                {"bond0", true},
                {"ib0", true},
                {"lo", false},
                {"veth0", false},
                {"br-12", false},
                {"", false},
                {"cali12", false},
                {"a b", false},
                {"a/b", false},
                {"docker0", false},
                {"mlx5_0_a_name_that_is_far_too_long_for_one", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(net_is_physical(str_of(rows[i].name)), rows[i].physical);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces_of_the_machine_have_their_facts),
        cmocka_unit_test(containers_and_tunnels_are_not_the_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
