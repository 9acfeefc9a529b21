#include "cli/grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const names[] = {"id", "n", "words"};

static char *print(const char *const (*rows)[3], size_t count, int columns, bool wrap)
{
    char *text = NULL;
    size_t len, rows_shown;
    FILE *out = open_memstream(&text, &len);
    struct grid_style style = {
        .out = out, .columns = columns, .wrap = wrap, .indent = "", .null = "-"};
    struct grid *grid = grid_new(&style, names, 3);

    assert_non_null(grid);
    for (size_t i = 0; i < count; i++)
        grid_add(grid, rows[i]);
    rows_shown = grid_end(grid);
    assert_int_equal(rows_shown, count);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void columns_are_aligned_and_the_last_is_cut(void **state)
{
    static const char *const rows[][3] = {
        {"a", "1", "some\twords\033[31m here"},
        {"bcd", "1000", NULL},
        {"\xc3\xa4\xc3\xb6", "-2.5", "x"},
    };
    static const struct {
        int columns;
        bool wrap;
        const char *want;
    } cases[] = {
        {0, false,
         "id      n  words\n"
         "a       1  some words [31m here\n"
         "bcd  1000  -\n"
         "\xc3\xa4\xc3\xb6   -2.5  x\n"},
        {20, false,
         "id      n  words\n"
         "a       1  some word\n"
         "bcd  1000  -\n"
         "\xc3\xa4\xc3\xb6   -2.5  x\n"},
        {30, true,
         "id      n  words\n"
         "a       1  some words [31m\n"
         "           here\n"
         "bcd  1000  -\n"
         "\xc3\xa4\xc3\xb6   -2.5  x\n"},
        {0, true,
         "id      n  words\n"
         "a       1  some words [31m here\n"
         "bcd  1000  -\n"
         "\xc3\xa4\xc3\xb6   -2.5  x\n"},
        {20, true,
         "id      n  words\n" /* too narrow */
         "a       1  some word\n"
         "bcd  1000  -\n"
         "\xc3\xa4\xc3\xb6   -2.5  x\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *text = print(rows, ARRAY_LEN(rows), cases[i].columns, cases[i].wrap);

        assert_string_equal(text, cases[i].want);
        free(text);
    }
}

static void nothing_reaches_beyond_the_last_column(void **state)
{
    static const char *const rows[][3] = {{"a", "1000000", NULL}, {"b", "2", NULL}};
    char *text = print(rows, 2, 14, true);

    (void)state;
    assert_string_equal(text, "id        n  w\n"
                              "a   1000000  -\n"
                              "b         2  -\n");
    free(text);
}

/* Rows beyond those that are held flow by in the widths that were learnt. */
static void many_rows_flow(void **state)
{
    static const char *rows[GRID_HELD_ROWS + 10][3];
    size_t lines = 0;
    char *text;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i][0] = "a";
        rows[i][1] = i < GRID_HELD_ROWS ? "12" : "12345";
        rows[i][2] = "x";
    }
    text = print((const char *const(*)[3])rows, ARRAY_LEN(rows), 0, false);
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, ARRAY_LEN(rows) + 1);
    assert_non_null(strstr(text, "a   12  x\na   12345  x\n"));
    free(text);
}

static void a_number_is_what_json_takes(void **state)
{
    static const char *const good[] = {"0", "-1", "12.5", "1e9", "1.5E-3", "-0.25"};
    static const char *const bad[] = {"", "-", "01", "1.", ".5", "1e", "0x1", "1 ", "nan", "+1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(grid_is_number(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(grid_is_number(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_the_last_is_cut),
        cmocka_unit_test(nothing_reaches_beyond_the_last_column),
        cmocka_unit_test(many_rows_flow),
        cmocka_unit_test(a_number_is_what_json_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
