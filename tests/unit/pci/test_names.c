#include "pci/device_names.h"
#include "pci/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void header_texts_name_their_capability(void **state)
{
    static const struct {
        const char *text;
        bool extended;
        const char *block;
        uint16_t id;
    } rows[] = {
        {"Power Management version 3", false, "PM", 1},
        {"MSI: Enable+", false, "MSI", 5},
        {"MSI-X: Enable+", false, "MSI-X", 0x11},
        {"Vendor Specific Information: Len=14", false, "Vendor", 9},
        {"Vendor Specific Information: ID=0001", true, "VSEC", 0xb},
        {"AGP version 3.0", false, "AGP", 2},
        {"AGP3 <?>", false, "AGP3", 0xe},
        {"Root Complex Link", true, "RCLink", 5},
        {"Root Complex Internal Link <?>", true, "RCILink", 6},
        {"Root Complex Event Collector <?>", true, "RCEC", 7},
        {"Root Complex Event Collector Endpoint Association", true, "RCEC", 7},
        {"Physical Layer 16.0 GT/s <?>", true, "16GT", 0x26},
        {"Virtual Channel", true, "VC", 2},
        {"Virtual Resizable BAR", true, "VReBAR", 0x24},
        {"Device Serial Number 00", true, "DSN", 3},
        {"Device 3", true, "DEV3", 0x2f},
        {"Express (v2) Endpoint", true, NULL, 0},
        {"", false, NULL, 0},
        {"E", false, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct cap_name *cap = cap_by_text(str_of(rows[i].text), rows[i].extended);

        assert_int_equal(!cap, !rows[i].block);
        if (!cap)
            continue;
        assert_string_equal(cap->block, rows[i].block);
        assert_int_equal(cap->id, rows[i].id);
        assert_string_equal(cap_by_id(rows[i].id, rows[i].extended)->block, rows[i].block);
    }
    assert_string_equal(cap_by_id(9, true)->block, "VC");
    assert_null(cap_by_id(0x7777, true));
}

static void fields_have_their_class(void **state)
{
    static const struct {
        const char *block, *reg, *name;
        enum fact_class class;
    } rows[] = {
        {"Express", "LnkSta", "Speed", FACT_CONFIG},
        {"Express", "LnkSta", "Train", FACT_STATE},
        {"Express", "LnkSta", "SpeedMark", FACT_LABEL},
        {"Express", "LnkCtl", "ClockPM", FACT_CONFIG},
        {"AER", "UESta", "Anything", FACT_STATE},
        {"AER", "UEMsk", "Anything", FACT_CONFIG},
        {"AER", "", "HeaderLog", FACT_VOLATILE},
        {"MSI", "", "Address", FACT_VOLATILE},
        {"MSI", "", "Enable", FACT_CONFIG},
        {"VC", "VC0", "Status.InProgress", FACT_STATE},
        {"VC", "VC0", "Ctrl.Enable", FACT_CONFIG},
        {"Region3", "", "address", FACT_IDENTITY},
        {"Region3", "", "size", FACT_CONFIG},
        {"PrefWindow", "", "address", FACT_IDENTITY},
        {"Bus", "", "secondary", FACT_IDENTITY},
        {"Bus", "", "sec-latency", FACT_CONFIG},
        {"DSN", "", "serial", FACT_IDENTITY},
        {"Nobody", "Knows", "This", FACT_CONFIG},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (field_class(str_of(rows[i].block), str_of(rows[i].reg), str_of(rows[i].name)) !=
            rows[i].class)
            fail_msg("%s.%s.%s", rows[i].block, rows[i].reg, rows[i].name);
}

static void old_names_become_new_ones_in_their_register_only(void **state)
{
    static const struct {
        const char *block, *reg, *from, *to;
    } rows[] = {
        {"Express", "LnkCtl", "Disabled", "LnkDisable"},
        {"Express", "LnkCap", "Disabled", "Disabled"},
        {"Express", "DevSta", "UncorrErr", "NonFatalErr"},
        {"AER", "CESta", "NonFatalErr", "AdvNonFatalErr"},
        {"Express", "DevSta", "NonFatalErr", "NonFatalErr"},
        {"AER", "AERCap", "CGenEn", "ECRCGenEn"},
        {"MSI-X", "", "TabSize", "Count"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_block range;
        struct field_rows found;

        field_block_find(str_of(rows[i].block), &range);
        field_rows_find(&range, str_of(rows[i].block), str_of(rows[i].reg), &found);
        assert_true(str_is(field_rows_rename(&found, str_of(rows[i].from)), rows[i].to));
    }
}

static void classes_and_vendors_tell_the_kind_of_device(void **state)
{
    static const struct {
        const char *class, *name, *kind;
    } rows[] = {
        {"3D controller", "NVIDIA Corporation Device 2330", "gpu"},
        {"VGA compatible controller", "NVIDIA Corporation Device 2b85", "gpu"},
        {"VGA compatible controller", "ASPEED Technology, Inc. ASPEED Graphics Family", "other"},
        {"Processing accelerators", "Advanced Micro Devices, Inc. [AMD/ATI] Device 74a1", "gpu"},
        {"Processing accelerators", "Intel Corporation Device 0b25", "other"},
        {"Infiniband controller", "Mellanox Technologies MT2910 Family", "nic"},
        {"Ethernet controller", "Broadcom Inc. and subsidiaries NetXtreme", "nic"},
        {"Bridge", "NVIDIA Corporation Device 22a3", "nvswitch"},
        {"Bridge", "Intel Corporation Device 1", "other"},
        {"PCI bridge", "Broadcom / LSI PEX890xx", "bridge"},
        {"Host bridge", "Intel Corporation Device 09a2", "other"},
        {"Non-Volatile memory controller", "KIOXIA Corporation", "nvme"},
        {"Something new", "NVIDIA Corporation", "other"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str name = str_of(rows[i].name);

        assert_string_equal(device_kind_name(class_by_name(str_of(rows[i].class)),
                                             vendor_by_name(name, NULL), name),
                            rows[i].kind);
    }
    assert_int_equal(class_by_name(STR("")), -1);
    assert_int_equal(vendor_by_name(STR(""), NULL), 0);
}

static void registers_alone_find_their_capability(void **state)
{
    (void)state;
    assert_string_equal(block_of_register(STR("LnkSta: Speed 8GT/s")), "Express");
    assert_string_equal(block_of_register(STR("ACSCtl: SrcValid+")), "ACS");
    assert_string_equal(block_of_register(STR("UESta: DLP-")), "AER");
    assert_string_equal(block_of_register(STR("Whatever: 1")), "Text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_texts_name_their_capability),
        cmocka_unit_test(fields_have_their_class),
        cmocka_unit_test(old_names_become_new_ones_in_their_register_only),
        cmocka_unit_test(classes_and_vendors_tell_the_kind_of_device),
        cmocka_unit_test(registers_alone_find_their_capability),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
