#include "trainer/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void wants(const struct line *line, size_t columns, const char *want)
{
    struct buf out = {0};

    line_print(line, columns, &out);
    assert_false(out.failed);
    assert_string_equal(out.p ? out.p : "", want);
    buf_done(&out);
}

static void what_matters_least_goes_first(void **state)
{
    struct line line = {0};

    (void)state;
    line_add(&line, 3, "####");
    line_add(&line, 0, "%d/%d", 7, 9);
    line_add(&line, 2, "norm %.1f", 0.5);
    line_add(&line, 1, "ends");
    wants(&line, 0, "####  7/9  norm 0.5  ends");
    wants(&line, 25, "####  7/9  norm 0.5  ends");
    wants(&line, 24, "7/9  norm 0.5  ends");
    wants(&line, 18, "7/9  ends");
    wants(&line, 8, "7/9");
    wants(&line, 2, "");
}

static void nothing_behind_a_gap_jumps_the_queue(void **state)
{
    struct line line = {0};

    (void)state;
    line_add(&line, 0, "a");
    line_add(&line, 1, "long enough");
    line_add(&line, 2, "b");
    wants(&line, 6, "a");
}

static void a_field_is_cut_at_its_end(void **state)
{
    struct line line = {0};
    struct buf out = {0};

    (void)state;
    line_add(&line, 0, "%0100d", 1);
    line_print(&line, 0, &out);
    assert_int_equal(out.len, LINE_FIELD_MAX - 1);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matters_least_goes_first),
        cmocka_unit_test(nothing_behind_a_gap_jumps_the_queue),
        cmocka_unit_test(a_field_is_cut_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
