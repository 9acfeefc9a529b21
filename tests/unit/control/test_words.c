#include "control/words.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

static void durations_are_read_at_a_glance(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 us"},
        {1500, "2 us"},
        {212000000, "212 ms"},
        {1340000000, "1.34 s"},
        {59900000000, "59.9 s"},
        {3600000000000, "1 h 0 min"},
        {-212000000, "-212 ms"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = {0};

        words_print_ns(cases[i].ns, &text);
        assert_string_equal(text.p, cases[i].text);
        buf_done(&text);
    }
}

static void the_end_of_a_process_is_named(void **state)
{
    static const struct {
        int wait_status;
        bool oom;
        const char *text;
    } cases[] = {
        {0, false, "exited 0"},
        {3 << 8, false, "exited 3"},
        {SIGSEGV, false, "killed by SIGSEGV"},
        {SIGKILL, true, "killed by the kernel's OOM killer"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = {0};

        words_print_status(cases[i].wait_status, cases[i].oom, &text);
        assert_string_equal(text.p, cases[i].text);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_at_a_glance),
        cmocka_unit_test(the_end_of_a_process_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
