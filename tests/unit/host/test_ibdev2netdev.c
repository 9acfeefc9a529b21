#include "host/ibdev2netdev.h"

#include "support/parsed.h"

static const char good[] =
    "0000:19:00.0 mlx5_0 (MT4129 - MCX75310AAS-NEA) NVIDIA ConnectX-7 HHHL fw 28.39.1002 port 1 "
    "(ACTIVE) ==> ibp25s0 (Up)\n"
    "mlx5_1 port 1 ==> eth0 (Down)\n";

static const char rdma[] = "link mlx5_2/1 state DOWN physical_state DISABLED netdev ens1f0np0\n"
                           "link mlx5_3/1 subnet_prefix fe80:: lid 5 state ACTIVE physical_state "
                           "LINK_UP\n";

static const struct {
    const char *text, *port, *path, *want;
} rows[] = {
    {good, "mlx5_0/1", "ib.pci", "0000:19:00.0"},    {good, "mlx5_0/1", "ib.netdev", "ibp25s0"},
    {good, "mlx5_0/1", "ib.fw", "28.39.1002"},       {good, "mlx5_0/1", "ib.hca_type", "MT4129"},
    {good, "mlx5_0/1", "ib.state", "ACTIVE"},        {good, "mlx5_1/1", "ib.netdev", "eth0"},
    {good, "mlx5_1/1", "ib.pci", "(absent)"},        {rdma, "mlx5_2/1", "ib.state", "DOWN"},
    {rdma, "mlx5_2/1", "ib.phys_state", "Disabled"}, {rdma, "mlx5_2/1", "ib.netdev", "ens1f0np0"},
    {rdma, "mlx5_3/1", "ib.state", "ACTIVE"},        {rdma, "mlx5_3/1", "ib.phys_state", "LinkUp"},
};

static void a_port_knows_its_interface_and_function(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        assert_true(ibdev2netdev_looks_like(str_of(rows[i].text)));
        parsed_text(&p, ibdev2netdev_parse, "ibdev2netdev.txt", str_of(rows[i].text));
        assert_fact(&p, SUBJECT_IB_PORT, rows[i].port, rows[i].path, rows[i].want);
        parsed_done(&p);
    }
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {"", "a ==> b", "mlx5_0 port x ==> b", "link up\n",
                                        "mlx5_0 port 1234 ==> b\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(ibdev2netdev_looks_like(str_of(texts[i])));
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(ibdev2netdev_parse, ibdev2netdev_looks_like, str_of(good));
    parsed_prefixes(ibdev2netdev_parse, ibdev2netdev_looks_like, str_of(rdma));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_knows_its_interface_and_function),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
