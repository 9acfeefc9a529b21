#include "support/parsed.h"

#include "host/dmidecode.h"

static const char *dimm_fact(const struct parsed *f, const char *slot, const char *path)
{
    return parsed_get(f, SUBJECT_DIMM, slot, path);
}

static const char text_small[] = "# dmidecode 3.5\n"
                                 "Handle 0x0000, DMI type 0, 26 bytes\n"
                                 "BIOS Information\n"
                                 "\tVendor: Dell Inc.\n"
                                 "\tVersion: 2.3.5\n"
                                 "\tRelease Date: 09/10/2024\n"
                                 "\tCharacteristics:\n"
                                 "\t\tPCI is supported\n"
                                 "\t\tVersion: of something else\n"
                                 "\tBIOS Revision: 2.3\n"
                                 "\n"
                                 "Handle 0x0100, DMI type 1, 27 bytes\n"
                                 "System Information\n"
                                 "\tManufacturer: Dell Inc.\n"
                                 "\tProduct Name: PowerEdge XE9680\n"
                                 "\tVersion: Not Specified\n"
                                 "\tSerial Number: To be filled by O.E.M.\n"
                                 "\tUUID: 4C4C4544-0053-5210-8038-C8C04F583034\n"
                                 "\n"
                                 "Handle 0x0400, DMI type 4, 48 bytes\n"
                                 "Processor Information\n"
                                 "\tVersion: Intel(R) Xeon(R) Platinum 8480+\n"
                                 "\tStatus: Populated, Enabled\n"
                                 "\tCore Count: 56\n"
                                 "\tCore Enabled: 52\n"
                                 "\tThread Count: 104\n"
                                 "\n"
                                 "Handle 0x1100, DMI type 17, 92 bytes\n"
                                 "Memory Device\n"
                                 "\tSize: 64 GB\n"
                                 "\tLocator: A1\n"
                                 "\tSpeed: 4800 MT/s\n"
                                 "\tManufacturer: Hynix\n"
                                 "\tSerial Number: 1234\n"
                                 "\tPart Number: HMCG94\n"
                                 "\tRank: 2\n"
                                 "\tConfigured Memory Speed: 4400 MT/s\n"
                                 "\n"
                                 "Handle 0x1101, DMI type 17, 92 bytes\n"
                                 "Memory Device\n"
                                 "\tSize: No Module Installed\n"
                                 "\tLocator: A2\n"
                                 "\tSpeed: Unknown\n"
                                 "\n"
                                 "Handle 0x1102, DMI type 17, 92 bytes\n"
                                 "Memory Device\n"
                                 "\tSize: 65536 MB\n"
                                 "\tLocator: A3\n"
                                 "\tConfigured Clock Speed: 4800 MHz\n"
                                 "\n"
                                 "Handle 0x1300, DMI type 20, 35 bytes\n"
                                 "Memory Device Mapped Address\n"
                                 "\tSize: 99 GB\n";

static void check_small(const struct parsed *f)
{
    assert_string_equal(parsed_host(f, "bios.vendor"), "Dell Inc.");
    assert_string_equal(parsed_host(f, "bios.version"), "2.3.5");
    assert_string_equal(parsed_host(f, "bios.date"), "09/10/2024");
    assert_string_equal(parsed_host(f, "system.product"), "PowerEdge XE9680");
    assert_string_equal(parsed_host(f, "system.uuid"), "4c4c4544-0053-5210-8038-c8c04f583034");
    assert_string_equal(parsed_host(f, "system.serial"), "(absent)");
    assert_string_equal(parsed_host(f, "socket.0.cores_enabled"), "52");
    assert_string_equal(parsed_host(f, "socket.0.threads"), "104");
    assert_string_equal(parsed_host(f, "dimm.count"), "2");
    assert_string_equal(parsed_host(f, "dimm.slots"), "3");
    assert_string_equal(parsed_host(f, "dimm.total_mb"), "131072");
    assert_string_equal(parsed_host(f, "dimm.speed"), "mixed: 4400 4800");
    assert_string_equal(dimm_fact(f, "A1", "DIMM.size_mb"), "65536");
    assert_string_equal(dimm_fact(f, "A1", "DIMM.configured"), "4400");
    assert_string_equal(dimm_fact(f, "A1", "DIMM.rank"), "2");
    assert_string_equal(dimm_fact(f, "A2", "DIMM.size_mb"), "0");
    assert_string_equal(dimm_fact(f, "A3", "DIMM.size_mb"), "65536");
}

static void test_fields_become_facts(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct fact_at at;

    (void)state;
    parsed_text(&f, dmidecode_parse, "dmidecode.txt", STR(text_small));
    check_small(&f);
    assert_int_equal(f.node->unseen_count, 0);
    at = parsed_at(&f, SUBJECT_DIMM, "A1", "DIMM.configured");
    assert_true(str_is(node_fact_text(f.node, at), "Configured Memory Speed: 4400 MT/s"));
    at = parsed_at(&f, SUBJECT_DIMM, "A1", "DIMM.part");
    assert_true(str_is(node_fact_text(f.node, at), "Part Number: HMCG94"));
    parsed_done(&f);
    parsed_prefixes(dmidecode_parse, NULL, STR(text_small));
}

/* dmidecode -q prints no handles; mails and tickets turn tabs into blanks and lines into CRLF. */
static void test_other_spellings_give_the_same(void **state)
{
    struct buf quiet = {0}, blanks = {0};
    struct str rest = STR(text_small), line;
    struct parsed f = parsed_new(FACT_KEEP_ALL), g = parsed_new(FACT_KEEP_ALL);

    (void)state;
    while (str_line(&rest, &line)) {
        if (!str_starts(line, "Handle ")) {
            buf_add(&quiet, line.p, line.len);
            buf_puts(&quiet, "\n");
        }
        while (str_starts(line, "\t")) {
            buf_puts(&blanks, "        ");
            line = str_skip(line, 1);
        }
        buf_add(&blanks, line.p, line.len);
        buf_puts(&blanks, "\r\n");
    }
    parsed_text(&f, dmidecode_parse, "dmidecode.txt", (struct str){quiet.p, quiet.len});
    check_small(&f);
    parsed_text(&g, dmidecode_parse, "dmidecode.txt", (struct str){blanks.p, blanks.len});
    check_small(&g);
    buf_done(&quiet);
    buf_done(&blanks);
    parsed_done(&f);
    parsed_done(&g);
}

static void test_slots_of_one_name_are_told_apart_by_bank(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, dmidecode_parse, "dmidecode.txt",
                STR("Handle 0x1, DMI type 17, 9 bytes\nMemory Device\n\tSize: 32 GB\n\tLocator: "
                    "DIMM 0\n\tBank Locator: P0 CHANNEL A\n"
                    "Handle 0x2, DMI type 17, 9 bytes\nMemory Device\n\tSize: 16 GB\n\tLocator: "
                    "DIMM 0\n\tBank Locator: P0 CHANNEL B\n"));
    assert_string_equal(dimm_fact(&f, "DIMM 0 P0 CHANNEL A", "DIMM.size_mb"), "32768");
    assert_string_equal(dimm_fact(&f, "DIMM 0 P0 CHANNEL B", "DIMM.size_mb"), "16384");
    parsed_done(&f);
}

static void test_an_unreadable_field_is_named(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, dmidecode_parse, "dmidecode.txt",
                STR("Handle 0x1, DMI type 17, 9 bytes\nMemory Device\n\tSize: many\n"));
    assert_true(parsed_unseen(&f, "line 3: Size: \"many\""));
    parsed_done(&f);
}

static void test_without_root_it_is_unseen(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&f, dmidecode_parse, "dmidecode.txt",
                STR("# dmidecode 3.3\n/sys/firmware/dmi/tables/smbios_entry_point: Permission "
                    "denied\nCan't read memory from /dev/mem\n"));
    assert_true(parsed_unseen(&f, "without root"));
    assert_int_equal(f.node->subjects[0].count, 0);
    parsed_done(&f);
}

static void test_real_texts(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL), g = parsed_new(FACT_KEEP_ALL);
    struct str text, other;
    char *bytes = data_file("asus-esc8000a-e13p.dmidecode.txt", &text);
    char *dell = data_file("gpud-dmidecode.txt", &other);

    (void)state;
    SKIP_WITHOUT(bytes);
    SKIP_WITHOUT(dell);
    parsed_text(&f, dmidecode_parse, "dmidecode.txt", text);
    assert_string_equal(parsed_host(&f, "bios.version"), "1104");
    assert_string_equal(parsed_host(&f, "bios.vendor"), "American Megatrends Inc.");
    assert_string_equal(parsed_host(&f, "board.product"), "K15PG-D24 Series");
    assert_string_equal(parsed_host(&f, "dimm.count"), "24");
    assert_string_equal(parsed_host(&f, "dimm.speed"), "6400");
    assert_int_equal(f.node->unseen_count, 0);
    parsed_text(&g, dmidecode_parse, "dmidecode.txt", other);
    assert_string_equal(parsed_host(&g, "system.product"), "PowerEdge XE9680");
    parsed_done(&f);
    parsed_done(&g);
    parsed_prefixes(dmidecode_parse, NULL, text);
    free(bytes);
    free(dell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_become_facts),
        cmocka_unit_test(test_other_spellings_give_the_same),
        cmocka_unit_test(test_slots_of_one_name_are_told_apart_by_bank),
        cmocka_unit_test(test_an_unreadable_field_is_named),
        cmocka_unit_test(test_without_root_it_is_unseen),
        cmocka_unit_test(test_real_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
