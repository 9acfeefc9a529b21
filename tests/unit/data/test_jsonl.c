#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/jsonl.h"
#include "data/valid.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static void test_lines(void **state)
{
    static const struct {
        const char *line, *want, *err;
    } rows[] = {
        {"{\"text\":\"a\"}", "a", NULL},
        {" { \"x\" : [1, {\"text\": 2}, []], \"text\" : \"a b\" , \"y\": {} } \r", "a b", NULL},
        {"{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t", NULL},
        {"{\"text\":\"\\u0041\\u00e9\\u5149\\ud83d\\ude00\"}",
         "A\xc3\xa9\xe5\x85\x89\xf0\x9f\x98\x80", NULL},
        {"{\"text\":\"first\",\"text\":\"second\"}", "second", NULL},
        {"{\"te\\u0078t\":\"a\"}", "a", NULL},
        {"{\"n\":-0.5e+3,\"t\":true,\"f\":false,\"z\":null,\"text\":\"\"}", "", NULL},
        {"", NULL, "column 1: a JSON object was expected"},
        {"[\"text\"]", NULL, "column 1: a JSON object was expected"},
        {"{\"text\":\"a\"", NULL, "column 12: ',' or '}' was expected"},
        {"{\"text\":\"a\"} {}", NULL, "column 14: more than one value in a line"},
        {"{\"text\":\"a", NULL, "column 11: a string without its end"},
        {"{\"text\":\"\\ud83dx\"}", NULL, "column 16: half of a surrogate pair"},
        {"{\"text\":\"\\ude00\"}", NULL, "column 16: half of a surrogate pair"},
        {"{\"text\":\"\\u12g4\"}", NULL, "column 14: \\u without four hexadecimal digits"},
        {"{\"text\":\"\\x\"}", NULL, "column 11: a backslash before something"},
        {"{\"text\":\"a\tb\"}", NULL, "column 11: a control character in a string"},
        {"{\"text\":\"a\",}", NULL, "column 13: a string was expected"},
        {"{\"n\":01,\"text\":\"a\"}", NULL, "column 7: ',' or '}' was expected"},
        {"{\"n\":.5}", NULL, "column 6: a value was expected"},
        {"{\"text\":null}", NULL, "\"text\" is not a string"},
        {"{\"text\":\"a\",\"text\":1}", NULL, "\"text\" is not a string"},
        {"{\"a\":{\"text\":\"a\"}}", NULL, "no key \"text\""},
    };
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        size_t len = strlen(rows[i].line);
        char *line = malloc(len + !len); /* of exactly its size */
        int r;

        assert_non_null(line);
        memcpy(line, rows[i].line, len);
        r = jsonl_text((struct str){line, len}, "text", &text, &err);
        if (r != (rows[i].want ? 0 : -EINVAL) || (rows[i].err && !strstr(err.text, rows[i].err)))
            fail_msg("%s: %d %s", rows[i].line, r, err.text);
        if (r == 0)
            assert_true(str_is((struct str){text.p, text.len}, rows[i].want));
        free(line);
    }
    buf_done(&text);
}

static void test_depth_has_an_end(void **state)
{
    struct buf line = {0}, text = {0};

    (void)state;
    for (int deep = 0; deep < 2; deep++) {
        buf_clear(&line);
        buf_puts(&line, "{\"text\":\"a\",\"x\":");
        for (int i = 1; i < JSONL_DEPTH_MAX + deep; i++)
            buf_puts(&line, "[");
        for (int i = 1; i < JSONL_DEPTH_MAX + deep; i++)
            buf_puts(&line, "]");
        buf_puts(&line, "}");
        assert_int_equal(jsonl_text((struct str){line.p, line.len}, "text", &text, NULL),
                         deep ? -EINVAL : 0);
    }
    buf_done(&line);
    buf_done(&text);
}

/* A good line with some bytes changed: jansson and this one must agree. */
static void test_as_jansson(void **state)
{
    static const char good[] =
        "{\"id\":[1,-2.5e3,true],\"te\\u0078t\":\"a\\n\\ud83d\\ude00 \xc3\xa9\","
        "\"more\":{\"x\":null,\"text\":\"no\"},\"text\":\"\\\"q\\\"\"}";
    static const char bytes[] = "\"\\{}[]:,u0eE+-.tn \x01\xc3\xa9";
    struct rng rng = {9};
    struct buf text = {0};
    int accepted = 0;

    (void)state;
    for (int round = 0; round < 30000; round++) {
        char line[sizeof(good)];
        size_t len = sizeof(good) - 1 - (rng_below(&rng, 10) == 0 ? rng_below(&rng, 20) : 0);
        json_error_t why;
        json_t *json, *value;
        struct str slice = {line, len};
        int r;

        memcpy(line, good, len);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            line[rng_below(&rng, len)] = bytes[rng_below(&rng, sizeof(bytes) - 1)];
        r = valid_prefix(slice) < len ? -EILSEQ : jsonl_text(slice, "text", &text, NULL);
        json = json_loadb(line, len, JSON_ALLOW_NUL, &why);
        value = json_object_get(json, "text");
        if (!json && r == 0 && json_error_code(&why) == json_error_numeric_overflow)
            continue;
        if ((r == 0) != json_is_string(value))
            fail_msg("%.*s: %d, jansson: %s", STR_ARG(slice), r, why.text);
        if (r == 0)
            assert_true(str_eq((struct str){text.p, text.len},
                               (struct str){json_string_value(value), json_string_length(value)}));
        accepted += r == 0;
        json_decref(json);
    }
    assert_true(accepted > 5000 && accepted < 25000);
    buf_done(&text);
}

static void test_valid_text(void **state)
{
    static const struct {
        struct str text;
        size_t want;
    } rows[] = {
        {STR(""), 0},
        {STR("plain ASCII, longer than a word"), 31},
        {STR("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf"
             "\xbf"),
         21},
        {STR("a\x80"), 1},
        {STR("\xc0\xaf"), 0}, /* longer than need be */
        {STR("\xe0\x9f\xbf"), 0},
        {STR("\xf0\x8f\xbf\xbf"), 0},
        {STR("ab\xed\xa0\x80"), 2},   /* a surrogate */
        {STR("\xf4\x90\x80\x80"), 0}, /* behind the last */
        {STR("\xf8\x88\x80\x80\x80"), 0},
        {STR("abcdefgh\xe5\x85"), 8}, /* cut off */
        {STR("abcdefgh\xf0\x9f\x98"), 8},
        {STR("abcdefg\xc3"), 7},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = malloc(rows[i].text.len + !rows[i].text.len);

        assert_non_null(text);
        memcpy(text, rows[i].text.p, rows[i].text.len);
        assert_int_equal(valid_prefix((struct str){text, rows[i].text.len}), rows[i].want);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_depth_has_an_end),
        cmocka_unit_test(test_as_jansson),
        cmocka_unit_test(test_valid_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
