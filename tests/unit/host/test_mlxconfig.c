#include "host/mlxconfig.h"

#include "host/ib_facts.h"
#include "support/parsed.h"

static const char good[] =
    "\n"
    "Device #1:\n"
    "----------\n"
    "\n"
    "Device type:        ConnectX7           \n"
    "Name:               MCX75310AAS-NEA_Ax  \n"
    "Description:        NVIDIA ConnectX-7 HHHL Adapter card: 400GbE / NDR IB\n"
    "Device:             0000:19:00.0        \n"
    "\n"
    "Configurations:                              Default             Current             Next "
    "Boot\n"
    "        MODULE_SPLIT_M0                     Array[0..15]        Array[0..15]        "
    "Array[0..15]\n"
    "*       ADVANCED_PCI_SETTINGS               False(0)            False(0)            True(1)\n"
    "        MAX_ACC_OUT_READ                    0                   44                  44\n"
    "RO      SRIOV_EN_RO                         False(0)            False(0)            False(0)\n"
    "        PCI_WR_ORDERING                     per_mkey(0)         force_relax(1)      "
    "force_relax(1)\n"
    "        a line of prose that is no setting  1 2 3\n"
    "The '*' shows parameters with next value different from default/current value.\n"
    "\n"
    "Device #2:\n"
    "----------\n"
    "\n"
    "Device:             /dev/mst/mt4129_pciconf1\n"
    "\n"
    "Configurations:                              Default             Current             Next "
    "Boot\n"
    "        LINK_TYPE_P1                        IB(1)               ETH(2)              ETH(2)\n";

static const char single[] = "Device #1:\n"
                             "Device type:    ConnectX6DX\n"
                             "PCI device:     0000:5e:00.0\n"
                             "Configurations:                              Next boot\n"
                             "        SRIOV_EN                            True(1)\n";

/* Two ConnectX-7 (device id 4129) on the buses, the second with an RDMA port. */
static void nics(struct parsed *p)
{
    static const uint64_t bdfs[] = {0x9a00, 0x1900};

    for (size_t i = 0; i < ARRAY_LEN(bdfs); i++) {
        uint32_t subject = node_pci(p->node, bdfs[i]);

        fact_begin(p->builder, STR("Header"));
        fact_number(p->builder, FACT_CONFIG, 0, fact_key(p->builder, STR(""), STR("device")),
                    0x1021, STR("1021"));
        node_attach(p->node, subject, fact_end(p->builder), 0, 1);
    }
    ib_set_pci(p->node, ib_subject(p->node, STR("mlx5_3"), STR("1")), 0x9a00);
}

static void three_columns_give_current_next_and_default(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(mlxconfig_looks_like(str_of(good)));
    nics(&p);
    parsed_text(&p, mlxconfig_parse, "mlxconfig.txt", str_of(good));
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.ADVANCED_PCI_SETTINGS", "False(0)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx_next.ADVANCED_PCI_SETTINGS", "True(1)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx_next.MAX_ACC_OUT_READ", "(absent)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.MAX_ACC_OUT_READ", "44");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx_default.MAX_ACC_OUT_READ", "0");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.PCI_WR_ORDERING", "force_relax(1)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.SRIOV_EN_RO", "False(0)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.LINK_TYPE_P1", "(absent)");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlx.a", "(absent)");
    /* pciconf1 is the second ConnectX-7, whose RDMA port is known. */
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_3/1", "mlx.LINK_TYPE_P1", "ETH(2)");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_3/1", "mlx_next.LINK_TYPE_P1", "(absent)");
    assert_true(str_starts(parsed_line(&p, SUBJECT_IB_PORT, "mlx5_3/1", "mlx.LINK_TYPE_P1"),
                           "LINK_TYPE_P1"));
    parsed_done(&p);
}

static void an_unknown_device_stands_on_the_host_by_name(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, mlxconfig_parse, "mlxconfig.txt", str_of(good));
    assert_fact(&p, SUBJECT_HOST, "", "mlx.mt4129_pciconf1.LINK_TYPE_P1", "ETH(2)");
    parsed_done(&p);
}

static void one_column_is_what_will_be_in_force(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(mlxconfig_looks_like(str_of(single)));
    parsed_text(&p, mlxconfig_parse, "mlxconfig.txt", str_of(single));
    assert_fact(&p, SUBJECT_PCI, "5e:00.0", "mlx.SRIOV_EN", "True(1)");
    assert_fact(&p, SUBJECT_PCI, "5e:00.0", "mlx_next.SRIOV_EN", "(absent)");
    parsed_done(&p);
}

static const char fwmanager[] = "Querying Mellanox devices firmware ...\n"
                                "\n"
                                "Device #1:\n"
                                "----------\n"
                                "\n"
                                "  Device Type:      ConnectX7\n"
                                "  Part Number:      MCX75310AAS-NEA_Ax\n"
                                "  PSID:             MT_0000000838\n"
                                "  PCI Device Name:  0000:19:00.0\n"
                                "  Base GUID:        946dae0300abcdef\n"
                                "  Versions:         Current        Available     \n"
                                "     FW             28.39.1002     28.39.2048    \n"
                                "     PXE            3.7.0201       N/A           \n"
                                "\n"
                                "  Status:           Update required\n"
                                "\n"
                                "Device #2:\n"
                                "----------\n"
                                "  PSID:             MT_0000000839\n"
                                "  PCI Device Name:  /dev/mst/mt4129_pciconf1\n"
                                "     FW             28.39.2048     28.39.2048    \n";

static const char flint[] = "# flint -d 0000:3b:00.0 q\n"
                            "Image type:            FS4\n"
                            "FW Version:            22.35.1012\n"
                            "FW Release Date:       28.10.2022\n"
                            "PSID:                  MT_0000000359\n"
                            "Security Attributes:   N/A\n"
                            "# flint -d 0000:3b:00.1 q\n"
                            "Image type:            FS4\n"
                            "FW Version:            22.35.1013\n"
                            "PSID:                  MT_0000000360\n";

static void firmware_stands_on_its_device(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(mlxfw_looks_like(str_of(fwmanager)));
    assert_true(mlxfw_looks_like(str_of(flint)));
    assert_false(mlxfw_looks_like(str_of(good)));
    assert_false(mlxconfig_looks_like(str_of(flint)));
    nics(&p);
    parsed_text(&p, mlxfw_parse, "mlxfwmanager.txt", str_of(fwmanager));
    parsed_text(&p, mlxfw_parse, "flint.txt", str_of(flint));
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "ib.fw", "28.39.1002");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "ib.psid", "MT_0000000838");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlxfw.part", "MCX75310AAS-NEA_Ax");
    assert_fact(&p, SUBJECT_PCI, "19:00.0", "mlxfw.pxe", "3.7.0201");
    assert_fact(&p, SUBJECT_IB_PORT, "mlx5_3/1", "ib.fw", "28.39.2048");
    assert_fact(&p, SUBJECT_PCI, "3b:00.0", "ib.fw", "22.35.1012");
    assert_fact(&p, SUBJECT_PCI, "3b:00.1", "ib.psid", "MT_0000000360");
    parsed_done(&p);
}

static void firmware_of_nobody_is_unseen(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, mlxfw_parse, "flint.txt",
                STR("Image type:            FS4\nFW Version:            22.35.1012\n"));
    assert_int_equal(p.node->unseen_count, 1);
    assert_int_equal(p.node->subjects[0].count, 0);
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(mlxconfig_parse, mlxconfig_looks_like, str_of(good));
    parsed_prefixes(mlxfw_parse, mlxfw_looks_like, str_of(fwmanager));
    parsed_prefixes(mlxfw_parse, mlxfw_looks_like, str_of(flint));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_columns_give_current_next_and_default),
        cmocka_unit_test(an_unknown_device_stands_on_the_host_by_name),
        cmocka_unit_test(one_column_is_what_will_be_in_force),
        cmocka_unit_test(firmware_stands_on_its_device),
        cmocka_unit_test(firmware_of_nobody_is_unseen),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
