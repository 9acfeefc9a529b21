#include "base/csv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* All rows as "a|b|c;" with "!" for an error. */
static const char *flat(const char *text, size_t len, char out[256])
{
    struct str cells[CSV_CELLS_MAX];
    char *exact = malloc(len ? len : 1);
    struct csv csv;
    size_t used = 0;
    int count;

    memcpy(exact, text, len);
    csv = csv_begin((struct str){exact, len});
    out[0] = '\0';
    while ((count = csv_row(&csv, cells, NULL)) > 0) {
        for (int i = 0; i < count; i++)
            used +=
                (size_t)snprintf(out + used, 256 - used, "%s%.*s", i ? "|" : "", STR_ARG(cells[i]));
        used += (size_t)snprintf(out + used, 256 - used, ";");
    }
    if (count < 0)
        (void)snprintf(out + used, 256 - used, "!");
    free(exact);
    return out;
}

static void rows_are_read_as_people_export_them(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"n1,3.5\nn2,4\n", "n1|3.5;n2|4;"},
        {"n1,3.5\r\nn2,4", "n1|3.5;n2|4;"},
        {"\xef\xbb\xbfnode;value\nn1; 4 \n", "node|value;n1|4;"},
        {"n1\t7\n\n# a comment\nn2\t8\n", "n1|7;n2|8;"},
        {"n1   7\nn2 8\n", "n1|7;n2|8;"},
        {"\"n1\", \"7\"\n", "n1|7;"},
        {"\"a, b\",1\n", "a, b|1;"},
        {"\"say \"\"hi\"\"\",1\n", "say \"\"hi\"\"|1;"},
        {"a,,b\n", "a||b;"},
        {"a,b,\n", "a|b;"},
        {"\"open,1\n", "!"},
    };
    char out[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(flat(cases[i].text, strlen(cases[i].text), out), cases[i].want);
}

static void every_prefix_ends(void **state)
{
    static const char text[] = "node,value\n\"n1\",\"3,5\"\n#x\nn2;;,4\n\"a\"\"b\",1";
    char out[256];

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++)
        (void)flat(text, len, out);
}

static void too_many_cells_are_an_error_with_the_line(void **state)
{
    struct str cells[CSV_CELLS_MAX];
    char text[256] = "a,b\n";
    struct err err = {0};
    struct csv csv;

    (void)state;
    memset(text + 4, ',', 100);
    csv = csv_begin(str_of(text));
    assert_int_equal(csv_row(&csv, cells, &err), 2);
    assert_int_equal(csv_row(&csv, cells, &err), -EINVAL);
    assert_string_equal(err.text, "line 2: more than 64 cells");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_as_people_export_them),
        cmocka_unit_test(every_prefix_ends),
        cmocka_unit_test(too_many_cells_are_an_error_with_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
