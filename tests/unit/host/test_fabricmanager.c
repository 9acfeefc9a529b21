#include "host/fabricmanager.h"

#include "support/parsed.h"

#define ERROR(kind, code, bus)                                                                     \
    "[Feb 27 2025 15:10:02] [ERROR] [tid 12727] detected NVSwitch " kind " error " code            \
    " on fid 0 on NVSwitch pci bus id 00000000:" bus " physical id 3 port 61\n"

static const char good[] =
    "[Feb 25 2025 13:59:45] [INFO] [tid 1803] Fabric Manager version 570.86.15 is running with the "
    "following configuration options\n" ERROR("non-fatal", "12028", "86:00.0")
        ERROR("fatal", "20034", "86:00.0") ERROR("non-fatal", "12028", "86:00.0")
            ERROR("non-fatal", "14006", "C1:00.0") "Message payload details: x\n";

static void errors_are_counted_by_switch_and_code(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(fabricmanager_looks_like(str_of(good)));
    parsed_text(&p, fabricmanager_parse, "fabricmanager.log", str_of(good));
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.12028", "2");
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.20034", "1");
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.fatal", "1");
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.nonfatal", "2");
    assert_fact(&p, SUBJECT_PCI, "c1:00.0", "SXid.14006", "1");
    assert_fact(&p, SUBJECT_PCI, "c1:00.0", "SXid.fatal", "(absent)");
    assert_fact(&p, SUBJECT_HOST, "", "smi.fabric_manager", "570.86.15");
    assert_fact(&p, SUBJECT_HOST, "", "smi.fabric_manager_errors", "4");
    assert_true(str_find(parsed_line(&p, SUBJECT_PCI, "86:00.0", "SXid.20034"), "20034") > 0);
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(fabricmanager_parse, fabricmanager_looks_like, str_of(good));
}

static void the_real_log_has_one_nonfatal_error(void **state)
{
    struct str text = parsed_machine("gpud-fabricmanager.log.txt");
    struct parsed p = parsed_new(FACT_KEEP_COMPARED);

    (void)state;
    assert_true(fabricmanager_looks_like(text));
    parsed_text(&p, fabricmanager_parse, "fabricmanager.log", text);
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.12028", "1");
    assert_fact(&p, SUBJECT_PCI, "86:00.0", "SXid.nonfatal", "1");
    assert_fact(&p, SUBJECT_HOST, "", "smi.fabric_manager_errors", "1");
    assert_int_equal(p.node->subject_count, 2);
    parsed_done(&p);
    free((char *)text.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_counted_by_switch_and_code),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
        cmocka_unit_test(the_real_log_has_one_nonfatal_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
