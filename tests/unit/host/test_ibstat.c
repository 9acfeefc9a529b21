#include "host/ibstat.h"

#include "support/parsed.h"

static const char ibstat[] = "CA 'mlx5_0'\n"
                             "\tCA type: MT4129\n"
                             "\tNumber of ports: 1\n"
                             "\tFirmware version: 28.39.3004\n"
                             "\tHardware version: 0\n"
                             "\tNode GUID: 0x946dae0300abcdef\n"
                             "\tSystem image GUID: 0x946dae0300abcdef\n"
                             "\tPort 1:\n"
                             "\t\tState: Active\n"
                             "\t\tPhysical state: LinkUp\n"
                             "\t\tRate: 400\n"
                             "\t\tBase lid: 5\n"
                             "\t\tLMC: 0\n"
                             "\t\tSM lid: 1\n"
                             "\t\tCapability mask: 0xa651e848\n"
                             "\t\tPort GUID: 0x46dae0300abcdef\n"
                             "\t\tLink layer: InfiniBand\n"
                             "CA 'mlx5_1'\n"
                             "\tCA type: MT4129\n"
                             "\tPort 1:\n"
                             "\t\tState: Initializing\n"
                             "\t\tPhysical state: Polling\n"
                             "\t\tRate: 10\n";

static const char devinfo[] = "hca_id:\tmlx5_0\n"
                              "\ttransport:\t\t\tInfiniBand (0)\n"
                              "\tfw_ver:\t\t\t\t28.39.3004\n"
                              "\tnode_guid:\t\t\t946d:ae03:00ab:cdef\n"
                              "\tvendor_part_id:\t\t\t4129\n"
                              "\tboard_id:\t\t\tMT_0000000838\n"
                              "\tmax_mr_size:\t\t\t0xffffffffffffffff\n"
                              "\t\tport:\t1\n"
                              "\t\t\tstate:\t\t\tPORT_DOWN (1)\n"
                              "\t\t\tmax_mtu:\t\t4096 (5)\n"
                              "\t\t\tactive_mtu:\t\t1024 (3)\n"
                              "\t\t\tsm_lid:\t\t\t1\n"
                              "\t\t\tport_lid:\t\t5\n"
                              "\t\t\tlink_layer:\t\tEthernet\n"
                              "\t\t\tactive_width:\t\t2X (16)\n"
                              "\t\t\tactive_speed:\t\t100.0 Gbps (128)\n"
                              "\t\t\tphys_state:\t\tDISABLED (3)\n"
                              "\t\tport:\t2\n"
                              "\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n";

static const char status[] = "Infiniband device 'mlx5_2' port 1 status:\n"
                             "\tdefault gid:\t fe80:0000:0000:0000:946d:ae03:00ab:cdef\n"
                             "\tbase lid:\t 0x1f\n"
                             "\tsm lid:\t\t 0x1\n"
                             "\tstate:\t\t 4: ACTIVE\n"
                             "\tphys state:\t 5: LinkUp\n"
                             "\trate:\t\t 200 Gb/sec (4X HDR)\n"
                             "\tlink_layer:\t InfiniBand\n";

static const struct {
    const char *text, *port, *path, *want;
} rows[] = {
    {ibstat, "mlx5_0/1", "ib.state", "ACTIVE"},
    {ibstat, "mlx5_0/1", "ib.phys_state", "LinkUp"},
    {ibstat, "mlx5_0/1", "ib.rate_gbs", "400"},
    {ibstat, "mlx5_0/1", "ib.width", "(absent)"},
    {ibstat, "mlx5_0/1", "ib.fw", "28.39.3004"},
    {ibstat, "mlx5_0/1", "ib.hca_type", "MT4129"},
    {ibstat, "mlx5_0/1", "ib.node_guid", "946d:ae03:00ab:cdef"},
    {ibstat, "mlx5_0/1", "ib.port_guid", "046d:ae03:00ab:cdef"},
    {ibstat, "mlx5_0/1", "ib.lid", "5"},
    {ibstat, "mlx5_0/1", "ib.sm_lid", "1"},
    {ibstat, "mlx5_0/1", "ib.link_layer", "InfiniBand"},
    {ibstat, "mlx5_1/1", "ib.state", "INIT"},
    {ibstat, "mlx5_1/1", "ib.phys_state", "Polling"},
    {ibstat, "mlx5_1/1", "ib.fw", "(absent)"},
    {devinfo, "mlx5_0/1", "ib.state", "DOWN"},
    {devinfo, "mlx5_0/1", "ib.phys_state", "Disabled"},
    {devinfo, "mlx5_0/1", "ib.hca_type", "MT4129"},
    {devinfo, "mlx5_0/1", "ib.psid", "MT_0000000838"},
    {devinfo, "mlx5_0/1", "ib.mtu_max", "4096"},
    {devinfo, "mlx5_0/1", "ib.mtu_active", "1024"},
    {devinfo, "mlx5_0/1", "ib.width", "2X"},
    {devinfo, "mlx5_0/1", "ib.speed_name", "NDR"},
    {devinfo, "mlx5_0/1", "ib.rate_gbs", "200"},
    {devinfo, "mlx5_0/1", "ib.lid", "5"},
    {devinfo, "mlx5_0/2", "ib.state", "ACTIVE"},
    {devinfo, "mlx5_0/2", "ib.fw", "28.39.3004"},
    {devinfo, "mlx5_0/2", "ib.mtu_max", "(absent)"},
    {status, "mlx5_2/1", "ib.state", "ACTIVE"},
    {status, "mlx5_2/1", "ib.phys_state", "LinkUp"},
    {status, "mlx5_2/1", "ib.rate_gbs", "200"},
    {status, "mlx5_2/1", "ib.speed_name", "HDR"},
    {status, "mlx5_2/1", "ib.lid", "31"},
};

static void the_three_tools_give_the_same_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        const char *got;

        assert_true(ibstat_looks_like(str_of(rows[i].text)));
        parsed_text(&p, ibstat_parse, "ibstat.txt", str_of(rows[i].text));
        got = parsed_get(&p, SUBJECT_IB_PORT, rows[i].port, rows[i].path);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s %s is %s, not %s", i, rows[i].port, rows[i].path, got,
                     rows[i].want);
        parsed_done(&p);
    }
}

static void a_fact_knows_its_line(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, ibstat_parse, "ibstat.txt", str_of(devinfo));
    assert_true(str_is(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_0/2", "ib.state"),
                       "state:\t\t\tPORT_ACTIVE (4)"));
    assert_true(str_is(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_0/2", "ib.psid"),
                       "board_id:\t\t\tMT_0000000838"));
    parsed_done(&p);
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {"", "CA ''", "CA type: MT4129\n", "Port 1:\n",
                                        "VM_hostname vma414bbc00005I\n0ff08c4321664e96\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        assert_false(ibstat_looks_like(str_of(texts[i])));
        parsed_text(&p, ibstat_parse, "ibstat.txt", str_of(texts[i]));
        assert_int_equal(p.node->subject_count, 1);
        parsed_done(&p);
    }
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(ibstat_parse, ibstat_looks_like, str_of(ibstat));
    parsed_prefixes(ibstat_parse, ibstat_looks_like, str_of(devinfo));
    parsed_prefixes(ibstat_parse, ibstat_looks_like, str_of(status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_tools_give_the_same_facts),
        cmocka_unit_test(a_fact_knows_its_line),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
