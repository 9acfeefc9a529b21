#include "pci/hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *line;
    int count; /* bytes, or -EINVAL */
    uint32_t offset;
    uint8_t first;
} rows[] = {
    {"00: 86 80 04 59 06 04 90 00 02 00 00 06 00 00 00 00", 16, 0, 0x86},
    {"f0: AB cd", 2, 0xf0, 0xab},
    {"ff0: 01 02 03", 3, 0xff0, 1},
    {"100: 01", 1, 0x100, 1},
    {"00:", -EINVAL, 0, 0},
    {"00: 8", -EINVAL, 0, 0},
    {"00: 867 80", -EINVAL, 0, 0},
    {"00:1f.0 ISA bridge: Intel", -EINVAL, 0, 0},
    {"0: 86 80", -EINVAL, 0, 0},
    {"1000: 86 80", -EINVAL, 0, 0},
    {"zz: 86", -EINVAL, 0, 0},
};

static void a_row_is_an_offset_and_up_to_sixteen_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[HEX_ROW_BYTES] = {0};
        uint32_t offset;
        int count = hex_row(str_of(rows[i].line), &offset, bytes);

        assert_int_equal(count, rows[i].count);
        assert_int_equal(hex_is_row(str_of(rows[i].line)), rows[i].count > 0);
        if (count > 0) {
            assert_int_equal(offset, rows[i].offset);
            assert_int_equal(bytes[0], rows[i].first);
        }
    }
}

static void rows_stop_at_a_gap_and_at_other_text(void **state)
{
    static const char full[] = "00: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"
                               "10: 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f\n";
    static uint8_t bytes[HEX_BYTES_MAX];
    char text[256];

    (void)state;
    assert_int_equal(hex_rows(STR(full), bytes), 32);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(bytes[i], i);
    memcpy(text, full, sizeof(full));
    text[52] = '3'; /* the second row is at 30 */
    assert_int_equal(hex_rows(str_of(text), bytes), 16);
    assert_int_equal(hex_rows(STR("10: 00 01\n"), bytes), 0);
    assert_int_equal(hex_rows(STR("00: 00 01\nKernel driver\n"), bytes), 2);
    assert_int_equal(hex_rows(STR(""), bytes), 0);
}

static void a_cut_row_reads_nothing_past_its_end(void **state)
{
    static const char full[] = "00: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f";
    uint8_t bytes[HEX_ROW_BYTES];
    uint32_t offset;

    (void)state;
    for (size_t len = 1; len < sizeof(full); len++) {
        char *exact = malloc(len);

        assert_non_null(exact);
        memcpy(exact, full, len);
        assert_true(hex_row((struct str){exact, len}, &offset, bytes) <= HEX_ROW_BYTES);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_an_offset_and_up_to_sixteen_bytes),
        cmocka_unit_test(rows_stop_at_a_gap_and_at_other_text),
        cmocka_unit_test(a_cut_row_reads_nothing_past_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
