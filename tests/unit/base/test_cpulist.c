#include "support/parsed.h"

#include "base/cpulist.h"

static const struct {
    const char *text, *want; /* NULL: it is no list */
    unsigned count;
} cases[] = {
    {"", "", 0},           {"0", "0", 1},
    {"0-3", "0-3", 4},     {"0-238,240-255", "0-238,240-255", 255},
    {"3,1,2,0", "0-3", 4}, {"8191", "8191", 1},
    {"8192", NULL, 0},     {"0-8192", NULL, 0},
    {"3-1", NULL, 0},      {"1-", NULL, 0},
    {"-1", NULL, 0},       {"1,,2", NULL, 0},
    {"a", NULL, 0},        {"99999999999999999999", NULL, 0},
};

static void test_a_list_is_read_and_printed_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cpulist list = {0};
        struct buf text = {0};
        bool good = cpulist_read(&list, str_of(cases[i].text));

        if (good != (cases[i].want != NULL))
            fail_msg("\"%s\" is %sread", cases[i].text, good ? "" : "not ");
        if (good) {
            cpulist_print(&list, &text);
            assert_string_equal(text.p ? text.p : "", cases[i].want);
            assert_int_equal(cpulist_count(&list), cases[i].count);
        }
        buf_done(&text);
    }
}

static void test_what_is_removed_is_gone(void **state)
{
    struct cpulist present = {0}, online = {0};
    struct buf text = {0};

    (void)state;
    assert_true(cpulist_read(&present, STR("0-255")));
    assert_true(cpulist_read(&online, STR("0-238,240-254")));
    cpulist_remove(&present, &online);
    cpulist_print(&present, &text);
    assert_string_equal(text.p, "239,255");
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_is_read_and_printed_in_order),
        cmocka_unit_test(test_what_is_removed_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
