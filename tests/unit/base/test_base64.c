#include "base/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The vectors of RFC 4648, section 10. */
static const struct {
    const char *bytes, *text;
} cases[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xef\xbe", "/+++"},
};

static void bytes_become_text_and_bytes_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = {0}, bytes = {0};

        base64_encode(&text, cases[i].bytes, strlen(cases[i].bytes));
        assert_string_equal(text.p ? text.p : "", cases[i].text);
        assert_int_equal(base64_decode(&bytes, (struct str){text.p, text.len}), 0);
        assert_string_equal(bytes.p ? bytes.p : "", cases[i].bytes);
        buf_done(&text);
        buf_done(&bytes);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9!", "Zg=v"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t len = strlen(bad[i]);
        char *exact = malloc(len);
        struct buf bytes = {0};

        memcpy(exact, bad[i], len);
        assert_int_equal(base64_decode(&bytes, (struct str){exact, len}), -EINVAL);
        free(exact);
        buf_done(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_text_and_bytes_again),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
