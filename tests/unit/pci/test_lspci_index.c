#include "pci/lspci_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void addresses_in_all_spellings(void **state)
{
    static const struct {
        const char *line;
        uint64_t bdf;
        size_t len; /* 0: no address */
    } rows[] = {
        {"19:00.0 3D controller", 0x1900, 8},
        {"0000:19:1f.7 X", 0x19ff, 13},
        {"000d:01:00.1 X", 0xd0101, 13},
        {"10000:e1:00.0 X", 0x10000e100, 14},
        {"FF:1F.7 X", 0xffff, 8},
        {"00:01.0/01:00.0/02:03.0 X", 0x218, 24},
        {"19:00.0", 0, 0},
        {"19:00.0 ", 0, 0},
        {"19:00.0  X", 0, 0},
        {"19:00.8 X", 0, 0},
        {"19:20.0 X", 0, 0},
        {"9:00.0 X", 0, 0},
        {"19:0.0 X", 0, 0},
        {"00: 86 80", 0, 0},
        {"100000000:19:00.0 X", 0, 0},
        {"00:01.0/ X", 0, 0},
        {"", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t bdf = 0;

        if (lspci_address(str_of(rows[i].line), &bdf) != rows[i].len || bdf != rows[i].bdf)
            fail_msg("%s: %llx", rows[i].line, (unsigned long long)bdf);
    }
}

static void devices_have_their_lines_and_their_hex(void **state)
{
    static const char text[] = "00:00.0 Host bridge: A\n\tNUMA node: 0\n00: 86 80\n10: 00 00\n\n"
                               "00:01.0 PCI bridge: B\n00:02.0 Bridge: C\n\tBus: x\n";
    struct lspci_index index;

    (void)state;
    assert_int_equal(lspci_index_build(&index, STR(text)), 0);
    assert_false(index.dirty);
    assert_int_equal(index.devices.count, 3);
    assert_true(str_is(index.devices.items[0].body, "Host bridge: A\n\tNUMA node: 0\n"));
    assert_true(str_is(index.devices.items[0].hex, "00: 86 80\n10: 00 00\n"));
    assert_int_equal(index.devices.items[0].hex_line, 2);
    assert_int_equal(index.devices.items[1].line, 5);
    assert_true(str_is(index.devices.items[1].body, "PCI bridge: B\n"));
    assert_int_equal(index.devices.items[2].line, 6);
    assert_true(str_is(index.devices.items[2].body, "Bridge: C\n\tBus: x\n"));
    lspci_index_done(&index);
}

static void chunks_start_at_lines_of_one_tab(void **state)
{
    static const char text[] =
        "19:00.0 X: Y\n\tSubsystem: Z\n\tCapabilities: [40] A\n\t\tb\n\t\t\tc\n"
        "\tNUMA node: 0\n\n1a:00.0 X: Y\n\tA: b\n00: 86 80\n\tB: c\n"
        "1b:00.0 X: Y\n\t\tno one's\nbent\n\t";
    static const struct {
        const char *starts;
        uint32_t line;
    } want[] = {
        {"X: Y\n\tSubsystem", 0},
        {"\tSubsystem", 1},
        {"\tCapabilities", 2},
        {"\tNUMA", 5},
        {"X: Y\n\tA", 7},
        {"\tA: b", 8},
        {"X: Y\n\t\tno", 11},
        {"bent", 13},
        {"\t", 14},
    };
    static const uint32_t counts[] = {4, 2, 3};
    struct lspci_index index;

    (void)state;
    assert_int_equal(lspci_index_build(&index, STR(text)), 0);
    assert_int_equal(index.chunks.count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct lspci_chunk *chunk = &index.chunks.items[i];
        struct str rest = str_range(chunk->p, text + sizeof(text) - 1);

        if (!str_starts(rest, want[i].starts) || chunk->line != want[i].line)
            fail_msg("chunk %zu: line %u, %.*s", i, chunk->line, STR_ARG(rest));
    }
    assert_int_equal(index.devices.count, ARRAY_LEN(counts));
    for (uint32_t i = 0, chunk = 0; i < ARRAY_LEN(counts); chunk += counts[i++]) {
        assert_int_equal(index.devices.items[i].chunk, chunk);
        assert_int_equal(index.devices.items[i].chunk_count, counts[i]);
    }
    lspci_index_done(&index);
}

static void a_text_of_nothing_but_short_lines_is_bounded(void **state)
{
    size_t len = 10 + 2 * ((size_t)LSPCI_CHUNKS_MAX + 10);
    char *text = malloc(len);
    struct lspci_index index;

    (void)state;
    memcpy(text, "19:00.0 X\n", 10);
    for (size_t i = 10; i < len; i += 2)
        memcpy(text + i, "\t\n", 2);
    assert_int_equal(lspci_index_build(&index, (struct str){text, len}), 0);
    assert_int_equal(index.chunks.count, LSPCI_CHUNKS_MAX);
    assert_int_equal(index.devices.count, 1);
    lspci_index_done(&index);
    free(text);
}

static void bent_texts_are_noticed(void **state)
{
    static const struct {
        const char *text;
        bool dirty;
    } rows[] = {
        {"19:00.0 X: Y\n\tNUMA node: 0\n", false},
        {"19:00.0 X: Y\n        NUMA node: 0\n", true},
        {"19:00.0 X: Y\r\n\tNUMA node: 0\r\n", true},
        {"> 19:00.0 X: Y\n", true},
        {"19:00.0 X: Y\n\tControl: A+\nB-\n", true},
        {"19:00.0 X: Y\n\n\tNUMA node: 0\n", true},
        {"19:00.0 X: Y\xc2\xa0Z\n", true},
        {"19:00.0 X: \xc3\xa4\xc2\xb0\n", false},
        {"$ lspci\n19:00.0 X: Y\n", true},
        {"00: 86 80\n", true},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lspci_index index;

        assert_int_equal(lspci_index_build(&index, str_of(rows[i].text)), 0);
        if (index.dirty != rows[i].dirty)
            fail_msg("%s", rows[i].text);
        lspci_index_done(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_in_all_spellings),
        cmocka_unit_test(devices_have_their_lines_and_their_hex),
        cmocka_unit_test(chunks_start_at_lines_of_one_tab),
        cmocka_unit_test(a_text_of_nothing_but_short_lines_is_bounded),
        cmocka_unit_test(bent_texts_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
