#include "pci/lspci_clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "19:00.0 3D controller: X (rev a1)\n"

static const struct {
    const char *name, *text, *want, *lines; /* lines: of the original, one digit each */
} rows[] = {
    {"carriage returns", "19:00.0 3D controller: X (rev a1)\r\n\tNUMA node: 0\r\n",
     HEAD "\tNUMA node: 0\n", "12"},
    {"no-break spaces",
     "19:00.0\xc2\xa0"
     "3D controller: X\xc2\xa0(rev a1)\n",
     HEAD, "1"},
    {"quoting, twice", "> > 19:00.0 3D controller: X (rev a1)\n> > \tNUMA node: 0\n",
     HEAD "\tNUMA node: 0\n", "12"},
    {"colours", "\x1b[1m19:00.0\x1b[0m 3D controller: X (rev a1)\n\t\x1b[31mNUMA node: 0\x1b[0m\n",
     HEAD "\tNUMA node: 0\n", "12"},
    {"an escape at the very end", HEAD "\tNUMA node: 0\x1b[", HEAD "\tNUMA node: 0\n", "12"},
    {"blanks for tabs",
     HEAD "        NUMA node: 0\n        Capabilities: [60] Express (v2) Endpoint\n"
          "                LnkSta: Speed 8GT/s\n                        TrErr-\n",
     HEAD "\tNUMA node: 0\n\tCapabilities: [60] Express (v2) Endpoint\n\t\tLnkSta: Speed 8GT/s\n"
          "\t\t\tTrErr-\n",
     "12345"},
    {"a wrapped line",
     HEAD "\tControl: I/O- Mem+ BusMaster+\nSpecCycle- MemWINV-\n\tNUMA node: 0\n",
     HEAD "\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV-\n\tNUMA node: 0\n", "124"},
    {"a wrapped header", "19:00.0 3D controller:\nX (rev a1)\n\tNUMA node: 0\n",
     HEAD "\tNUMA node: 0\n", "13"},
    {"other text behind a blank line", HEAD "\tNUMA node: 0\n\nRegards,\nSomebody\n",
     HEAD "\tNUMA node: 0\n", "12"},
    {"a prompt and a message between",
     "root@n1:~# lspci -vvv\nlspci: Unable to load libkmod resources\n" HEAD
     "pcilib: sysfs_read_vpd: read failed\n\tNUMA node: 0\n",
     HEAD "\tNUMA node: 0\n", "35"},
    {"no indentation, blank lines between",
     HEAD "\nNUMA node: 0\n\nCapabilities: [60] Express (v2) Root Port (Slot+), MSI 00\n\nLnkSta: "
          "Speed 8GT/s\n\nTrErr- Train-\n\nDevCtl2: LTR+\n\nAtomicOpsCtl: ReqEn-\n\nKernel driver "
          "in use: x\n",
     HEAD
     "\tNUMA node: 0\n\tCapabilities: [60] Express (v2) Root Port (Slot+), MSI 00\n\t\tLnkSta: "
     "Speed 8GT/s\n\t\t\tTrErr- Train-\n\t\tDevCtl2: LTR+\n\t\t\tAtomicOpsCtl: "
     "ReqEn-\n\tKernel driver in use: x\n",
     NULL},
    {"a status in a capability is no device's",
     HEAD "Status: Cap+ 66MHz-\nCapabilities: [50] Power Management version 3\nFlags: PMEClk-\n"
          "Status: D0 NoSoftRst+\n",
     HEAD "\tStatus: Cap+ 66MHz-\n\tCapabilities: [50] Power Management version 3\n\t\tFlags: "
          "PMEClk-\n\t\tStatus: D0 NoSoftRst+\n",
     "12345"},
    {"hex stays where it is", "> 19:00.0 3D controller: X (rev a1)\n> 00: de 10 30 23\n",
     HEAD "00: de 10 30 23\n", "12"},
    {"nothing of lspci", "hello\n\nworld\n", "", ""},
    {"nothing", "", "", ""},
};

static void bent_texts_become_straight(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_new(0);
        struct lspci_clean clean;

        assert_int_equal(lspci_clean(arena, str_of(rows[i].text), &clean), 0);
        if (!str_is(clean.text, rows[i].want))
            fail_msg("%s:\n%.*s", rows[i].name, STR_ARG(clean.text));
        for (size_t k = 0; rows[i].lines && k <= clean.line_count; k++)
            if (k == clean.line_count ? rows[i].lines[k] != '\0'
                                      : clean.lines[k] != (uint32_t)(rows[i].lines[k] - '0'))
                fail_msg("%s: line %zu", rows[i].name, k);
        arena_free(arena);
    }
}

static void straightening_twice_changes_nothing_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_new(0);
        struct lspci_clean once, twice;

        assert_int_equal(lspci_clean(arena, str_of(rows[i].text), &once), 0);
        assert_int_equal(lspci_clean(arena, once.text, &twice), 0);
        assert_true(str_eq(once.text, twice.text));
        arena_free(arena);
    }
}

static void too_little_memory_is_told(void **state)
{
    struct buf text = {0};

    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        buf_printf(&text, "%02x:00.0 3D controller: X\r\n\tNUMA node: 0\r\n", i % 256);
    for (size_t bytes = 1024; bytes < 64 << 10; bytes *= 2) {
        struct arena *arena = arena_new(bytes);
        struct lspci_clean clean;

        if (!arena)
            continue;
        assert_true(lspci_clean(arena, (struct str){text.p, text.len}, &clean) < 0);
        arena_free(arena);
    }
    buf_done(&text);
}

static void every_prefix_is_straightened_within_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len <= strlen(rows[i].text); len++) {
            struct arena *arena = arena_new(0);
            char *exact = malloc(len ? len : 1);
            struct lspci_clean clean;

            assert_non_null(exact);
            memcpy(exact, rows[i].text, len);
            assert_int_equal(lspci_clean(arena, (struct str){exact, len}, &clean), 0);
            free(exact);
            arena_free(arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bent_texts_become_straight),
        cmocka_unit_test(straightening_twice_changes_nothing_more),
        cmocka_unit_test(too_little_memory_is_told),
        cmocka_unit_test(every_prefix_is_straightened_within_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
