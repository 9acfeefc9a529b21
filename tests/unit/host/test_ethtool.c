#include "host/ethtool.h"

#include "support/parsed.h"

static const char driver[] = "driver: mlx5_core\n"
                             "version: 5.15.0-91-generic\n"
                             "firmware-version: 28.39.1002 (MT_0000000838)\n"
                             "expansion-rom-version: \n"
                             "bus-info: 0000:19:00.0\n"
                             "supports-statistics: yes\n";

static const char settings[] = "Settings for ens1f0np0:\n"
                               "\tSupported ports: [ FIBRE ]\n"
                               "\tSpeed: 200000Mb/s\n"
                               "\tDuplex: Full\n"
                               "\tAuto-negotiation: on\n"
                               "\tPort: FIBRE\n"
                               "\tLink detected: yes\n"
                               "Settings for ens2:\n"
                               "\tSpeed: Unknown!\n"
                               "\tLink detected: no\n";

static const char several[] = "# ethtool -i eth0\n"
                              "driver: bnxt_en\n"
                              "bus-info: 0000:41:00.0\n"
                              "# ethtool -S eth0\n"
                              "NIC statistics:\n"
                              "     rx_packets: 1234\n"
                              "     rx_crc_errors_phy: 17\n"
                              "     rx_prio3_pause: 5\n"
                              "# ethtool -i eth1\n"
                              "driver: tg3\n"
                              "Features for eth1:\n"
                              "rx-checksumming: on [fixed]\n"
                              "tcp-segmentation-offload: off\n"
                              "\ttx-tcp-segmentation: off\n"
                              "Pause parameters for eth1:\n"
                              "Autonegotiate:\toff\n"
                              "RX:\t\ton\n"
                              "Ring parameters for eth1:\n"
                              "Pre-set maximums:\n"
                              "RX:\t\t8192\n"
                              "Current hardware settings:\n"
                              "RX:\t\t1024\n";

static const struct {
    const char *text, *source, *subject, *path, *want;
} rows[] = {
    {driver, "cmd/ethtool_-i_eth0.txt", "eth0", "net.driver", "mlx5_core"},
    {driver, "n1.snap:cmd/ethtool -i ens1f0_2", "ens1f0_2", "net.driver", "mlx5_core"},
    {driver, "ethtool-enp65s0f0.txt", "enp65s0f0", "net.driver", "mlx5_core"},
    {driver, "ethtool.txt", "0000:19:00.0", "net.driver", "mlx5_core"},
    {driver, "cmd/ethtool_-i_eth0.txt", "eth0", "net.firmware", "28.39.1002 (MT_0000000838)"},
    {driver, "cmd/ethtool_-i_eth0.txt", "eth0", "net.pci", "0000:19:00.0"},
    {settings, "ethtool.txt", "ens1f0np0", "net.speed_mbs", "200000"},
    {settings, "ethtool.txt", "ens1f0np0", "net.state", "up"},
    {settings, "ethtool.txt", "ens1f0np0", "net.autoneg", "on"},
    {settings, "ethtool.txt", "ens2", "net.speed_mbs", "(absent)"},
    {settings, "ethtool.txt", "ens2", "net.state", "down"},
    {several, "ethtool.txt", "eth0", "net.driver", "bnxt_en"},
    {several, "ethtool.txt", "eth0", "netcount.rx_crc_errors_phy", "17"},
    {several, "ethtool.txt", "eth0", "netcount.rx_packets", "1234"},
    {several, "ethtool.txt", "eth1", "net.driver", "tg3"},
    {several, "ethtool.txt", "eth1", "net.feature.rx-checksumming", "on"},
    {several, "ethtool.txt", "eth1", "net.feature.tx-tcp-segmentation", "off"},
    {several, "ethtool.txt", "eth1", "net.pause.RX", "on"},
    {several, "ethtool.txt", "eth1", "net.ring.RX", "1024"},
    {several, "ethtool.txt", "eth1", "net.ring_max.RX", "8192"},
};

static void the_interface_is_found_and_has_its_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        const char *got;

        assert_true(ethtool_looks_like(str_of(rows[i].text)));
        parsed_text(&p, ethtool_parse, rows[i].source, str_of(rows[i].text));
        got = parsed_get(&p, SUBJECT_NET, rows[i].subject, rows[i].path);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s %s is %s, not %s", i, rows[i].subject, rows[i].path, got,
                     rows[i].want);
        parsed_done(&p);
    }
}

static void error_counters_are_state_and_traffic_is_volatile(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, ethtool_parse, "ethtool.txt", str_of(several));
    assert_int_equal(parsed_fact(&p, SUBJECT_NET, "eth0", "netcount.rx_crc_errors_phy")->class,
                     FACT_STATE);
    assert_int_equal(parsed_fact(&p, SUBJECT_NET, "eth0", "netcount.rx_prio3_pause")->class,
                     FACT_STATE);
    assert_int_equal(parsed_fact(&p, SUBJECT_NET, "eth0", "netcount.rx_packets")->class,
                     FACT_VOLATILE);
    assert_int_equal(p.node->subjects[node_find(p.node, SUBJECT_NET, STR("eth0"))].bdf, 0x4100);
    assert_true(str_is(parsed_line(&p, SUBJECT_NET, "eth0", "netcount.rx_crc_errors_phy"),
                       "rx_crc_errors_phy: 17"));
    parsed_done(&p);
}

static void statistics_of_nobody_are_unseen(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, ethtool_parse, "stats.txt", STR("NIC statistics:\n     rx_packets: 1\n"));
    assert_int_equal(p.node->unseen_count, 1);
    assert_int_equal(p.node->subject_count, 1);
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(ethtool_parse, ethtool_looks_like, str_of(driver));
    parsed_prefixes(ethtool_parse, ethtool_looks_like, str_of(several));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interface_is_found_and_has_its_facts),
        cmocka_unit_test(error_counters_are_state_and_traffic_is_volatile),
        cmocka_unit_test(statistics_of_nobody_are_unseen),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
