#include "host/ib_sysfs.h"

#include "support/parsed.h"
#include "support/tree_of_dir.h"

static void tree_parse(struct parsed *p, const struct tree *tree)
{
    struct err err = {0};

    if (ib_sysfs_parse(p->node, tree, &err) < 0)
        fail_msg("%s", err.text);
}

#define IB "sys/class/infiniband/"

static const struct piece pieces[] = {
    {IB "mlx5_0/device", "../../../0000:19:00.0", true},
    {IB "mlx5_0/fw_ver", "28.39.3004\n"},
    {IB "mlx5_0/board_id", "MT_0000000838\n"},
    {IB "mlx5_0/hca_type", "MT4129\n"},
    {IB "mlx5_0/node_guid", "946d:ae03:00ab:cdef\n"},
    {IB "mlx5_0/tc/1/traffic_class", "Global tclass=106\n"},
    {IB "mlx5_0/ports/1/state", "4: ACTIVE\n"},
    {IB "mlx5_0/ports/1/phys_state", "5: LinkUp\n"},
    {IB "mlx5_0/ports/1/rate", "400 Gb/sec (4X NDR)\n"},
    {IB "mlx5_0/ports/1/lid", "0x2a\n"},
    {IB "mlx5_0/ports/1/gids/0", "fe80:0000:0000:0000:946d:ae03:00ab:cdf0\n"},
    {IB "mlx5_0/ports/1/gid_attrs/types/0", "IB/RoCE v1\n"},
    {IB "mlx5_0/ports/1/gid_attrs/types/1", "RoCE v2\n"},
    {IB "mlx5_0/ports/1/gid_attrs/types/2", "RoCE v2\n"},
    {IB "mlx5_0/ports/1/gid_attrs/types/3", ""},
    {IB "mlx5_0/ports/1/gid_attrs/ndevs/0", "ib0\n"},
    {IB "mlx5_0/ports/1/counters/link_downed", "255\n"},
    {IB "mlx5_0/ports/1/counters/port_xmit_data", "230442669431839\n"},
    {IB "mlx5_0/ports/1/counters/port_xmit_wait", "N/A (no PMA)\n"},
    {IB "mlx5_0/ports/1/hw_counters/out_of_sequence", "7\n"},
    {IB "mlx5_0/ports/1/hw_counters/lifespan", "12\n"},
    /* a second port, down, on the same device */
    {IB "mlx5_0/ports/2/state", "1: DOWN\n"},
    {IB "mlx5_0/ports/2/phys_state", "2: Polling\n"},
    {IB "mlx5_0/ports/2/rate", "2.5 Gb/sec (1X SDR)\n"},
    /* the class entry is a link, as on a live host */
    {IB "mlx5_1", "../../devices/pci0000:48/0000:48:01.0/0000:4d:00.0/infiniband/mlx5_1", true},
    {IB "mlx5_1/ports/1/state", "2: INIT\n"},
    /* the same port once more, by its device path */
    {"sys/devices/pci0000:15/0000:19:00.0/infiniband/mlx5_0/ports/1/state", "1: DOWN\n"},
    /* by its device path alone; and by uevent */
    {"sys/devices/pci0000:15/0000:5e:00.1/infiniband/mlx5_2/ports/1/state", "4: ACTIVE\n"},
    {"copy/mlx5_3/ports/1/state", "3: ARMED\n"},
    {"copy/mlx5_3/device/uevent", "DRIVER=mlx5_core\nPCI_SLOT_NAME=0000:9a:00.0\n"},
    /* no ports */
    {"sys/class/net/eth0/state", "up\n"},
    {"ports/1/state", "4: ACTIVE\n"},
    {"mlx5_9/ports/1/state/more", "4: ACTIVE\n"},
};

static const struct {
    const char *port, *path, *want;
} facts[] = {
    {"mlx5_0/1", "ib.state", "ACTIVE"},
    {"mlx5_0/1", "ib.phys_state", "LinkUp"},
    {"mlx5_0/1", "ib.rate_gbs", "400"},
    {"mlx5_0/1", "ib.width", "4X"},
    {"mlx5_0/1", "ib.speed_name", "NDR"},
    {"mlx5_0/1", "ib.fw", "28.39.3004"},
    {"mlx5_0/1", "ib.psid", "MT_0000000838"},
    {"mlx5_0/1", "ib.hca_type", "MT4129"},
    {"mlx5_0/1", "ib.node_guid", "946d:ae03:00ab:cdef"},
    {"mlx5_0/1", "ib.port_guid", "946d:ae03:00ab:cdf0"},
    {"mlx5_0/1", "ib.lid", "42"},
    {"mlx5_0/1", "ib.pci", "0000:19:00.0"},
    {"mlx5_0/1", "ib.gid_types", "IB/RoCE v1, RoCE v2"},
    {"mlx5_0/1", "ib.netdev", "ib0"},
    {"mlx5_0/1", "ib.traffic_class", "Global tclass=106"},
    {"mlx5_0/1", "ibcount.link_downed", "255"},
    {"mlx5_0/1", "ibcount.out_of_sequence", "7"},
    {"mlx5_0/1", "ibcount.port_xmit_wait", "(absent)"},
    {"mlx5_0/1", "ibcount.lifespan", "(absent)"},
    {"mlx5_0/2", "ib.state", "DOWN"},
    {"mlx5_0/2", "ib.phys_state", "Polling"},
    {"mlx5_0/2", "ib.rate_gbs", "2.5"},
    {"mlx5_0/2", "ib.width", "1X"},
    {"mlx5_0/2", "ib.fw", "28.39.3004"},
    {"mlx5_1/1", "ib.pci", "0000:4d:00.0"},
    {"mlx5_1/1", "ib.state", "INIT"},
    {"mlx5_2/1", "ib.pci", "0000:5e:00.1"},
    {"mlx5_3/1", "ib.pci", "0000:9a:00.0"},
    {"mlx5_3/1", "ib.state", "ARMED"},
};

static void a_port_is_found_under_any_prefix(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    struct arena *arena = arena_new(0);
    struct tree tree = tree_of_pieces(arena, pieces, ARRAY_LEN(pieces));
    int at;

    (void)state;
    tree_parse(&p, &tree);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        const char *got = parsed_get(&p, SUBJECT_IB_PORT, facts[i].port, facts[i].path);

        if (strcmp(got, facts[i].want) != 0)
            fail_msg("%s %s is %s, not %s", facts[i].port, facts[i].path, got, facts[i].want);
    }
    assert_int_equal(p.node->subject_count, 6);
    assert_int_equal(parsed_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "ibcount.link_downed")->class,
                     FACT_STATE);
    assert_int_equal(parsed_fact(&p, SUBJECT_IB_PORT, "mlx5_0/1", "ibcount.port_xmit_data")->class,
                     FACT_VOLATILE);
    at = node_find(p.node, SUBJECT_IB_PORT, STR("mlx5_0/1"));
    assert_int_equal(p.node->subjects[at].bdf, 0x1900);
    arena_free(arena);
    parsed_done(&p);
}

/* The evidence line of a report: which file of the port's folder said what. */
static void a_fact_knows_its_file(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    struct arena *arena = arena_new(0);
    struct tree tree = tree_of_pieces(arena, pieces, ARRAY_LEN(pieces));

    (void)state;
    tree_parse(&p, &tree);
    assert_true(str_is(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_0/1", "ibcount.link_downed"),
                       "counters/link_downed: 255"));
    assert_true(str_is(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_0/1", "ib.rate_gbs"),
                       "rate: 400 Gb/sec (4X NDR)"));
    assert_true(
        str_is(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_0/1", "ib.pci"), "device: 0000:19:00.0"));
    assert_string_equal(p.node->sources[0].name, "pieces:copy/mlx5_3/ports/1");
    arena_free(arena);
    parsed_done(&p);
}

static void a_source_is_named_after_the_tree(void **state)
{
    static const struct {
        const char *tree, *want;
    } rows[] = {
        {"n1.snap", "n1.snap:copy/mlx5_3/ports/1"},
        {"n1/", "n1/copy/mlx5_3/ports/1"},
        {"", "copy/mlx5_3/ports/1"},
        {NULL, "copy/mlx5_3/ports/1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        struct arena *arena = arena_new(0);
        struct tree tree = tree_of_pieces(arena, pieces, ARRAY_LEN(pieces));

        tree.name = rows[i].tree;
        tree_parse(&p, &tree);
        assert_string_equal(p.node->sources[0].name, rows[i].want);
        arena_free(arena);
        parsed_done(&p);
    }
}

static void the_h100_tree_shows_its_saturated_counter(void **state)
{
    struct arena *arena = arena_new(0);
    struct parsed p = parsed_new(FACT_KEEP_COMPARED);
    struct tree tree =
        tree_of_dir(arena, arena_printf(arena, "%s/machines/sysfs-infiniband", TEST_DATA));
    unsigned ports = 0, active = 0;

    (void)state;
    if (!tree.count) {
        arena_free(arena);
        parsed_done(&p);
        print_message("skipped: no sysfs-infiniband tree in %s\n", TEST_DATA);
        skip();
    }
    tree_parse(&p, &tree);
    for (uint32_t i = 0; i < p.node->subject_count; i++) {
        const char *name = p.node->subjects[i].name;

        if (p.node->subjects[i].kind != SUBJECT_IB_PORT)
            continue;
        ports++;
        active += strcmp(parsed_get(&p, SUBJECT_IB_PORT, name, "ib.state"), "ACTIVE") == 0;
    }
    assert_int_equal(ports, 9);
    assert_int_equal(active, 9);
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_1/1", "ibcount.link_downed", "255");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_1/1", "ib.rate_gbs", "400");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_1/1", "ib.link_layer", "InfiniBand");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_bond_0/1", "ib.rate_gbs", "200");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_bond_0/1", "ib.width", "2X");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_bond_0/1", "ib.link_layer", "Ethernet");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_bond_0/1", "ib.hca_type", "MT41692");
    arena_free(arena);
    parsed_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_found_under_any_prefix),
        cmocka_unit_test(a_fact_knows_its_file),
        cmocka_unit_test(a_source_is_named_after_the_tree),
        cmocka_unit_test(the_h100_tree_shows_its_saturated_counter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
