#include "snap/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_is_written_is_parsed_back(void **state)
{
    struct manifest_entry entries[] = {
        {"cmd/lspci.txt", MANIFEST_COMMAND, MANIFEST_TIMEOUT, 12, "ended after 30 s",
         "lspci -vvvnn", -9, 30000},
        {"sys/a\"b\\c", MANIFEST_FILE, MANIFEST_DENIED, 0, "Permission denied", NULL, 0, 0},
    };
    struct manifest in = {"0.1.0", "2026-11-21T19:34:23Z",
                          "n001",  "6.1.0",
                          1000,    0,
                          true,    10,
                          2,       3,
                          4096,    77,
                          entries, 2};
    struct arena *arena = arena_new(0);
    struct manifest out;
    struct buf text = {0};

    (void)state;
    assert_int_equal(manifest_write(&in, &text, NULL), 0);
    assert_int_equal(manifest_parse(arena, (struct str){text.p, text.len}, &out, NULL), 0);
    assert_string_equal(out.version, in.version);
    assert_string_equal(out.time, in.time);
    assert_string_equal(out.hostname, "n001");
    assert_string_equal(out.kernel, "6.1.0");
    assert_int_equal(out.uid, 1000);
    assert_int_equal(out.euid, 0);
    assert_true(out.root);
    assert_int_equal(out.files, 10);
    assert_int_equal(out.links, 2);
    assert_int_equal(out.commands, 3);
    assert_int_equal(out.bytes, 4096);
    assert_int_equal(out.ms, 77);
    assert_int_equal(out.count, 2);
    assert_string_equal(out.entries[0].path, "cmd/lspci.txt");
    assert_int_equal(out.entries[0].kind, MANIFEST_COMMAND);
    assert_int_equal(out.entries[0].status, MANIFEST_TIMEOUT);
    assert_string_equal(out.entries[0].command, "lspci -vvvnn");
    assert_int_equal(out.entries[0].exit_status, -9);
    assert_int_equal(out.entries[0].ms, 30000);
    assert_string_equal(out.entries[1].path, "sys/a\"b\\c");
    assert_int_equal(out.entries[1].status, MANIFEST_DENIED);
    assert_string_equal(out.entries[1].error, "Permission denied");
    assert_null(out.entries[1].command);
    buf_done(&text);
    arena_free(arena);
}

static void a_name_that_is_no_utf8_does_not_break_the_manifest(void **state)
{
    struct manifest in = {.version = "1", .hostname = "n\xff\xfe"};
    struct arena *arena = arena_new(0);
    struct manifest out;
    struct buf text = {0};

    (void)state;
    assert_int_equal(manifest_write(&in, &text, NULL), 0);
    assert_int_equal(manifest_parse(arena, (struct str){text.p, text.len}, &out, NULL), 0);
    assert_string_equal(out.hostname, "n??");
    buf_done(&text);
    arena_free(arena);
}

static const struct {
    const char *text;
    int want;
    const char *err;
} cases[] = {
    {"{\"format\": 1}", 0, NULL},
    {"{\"format\": 1, \"entries\": [1, {}, null], \"hostname\": 7}", 0, NULL},
    {"{\"format\": 2}", -EINVAL, "manifest.json: format 2, this firstlight reads format 1"},
    {"[]", -EINVAL, "manifest.json: line 1: not an object"},
    {"{}", -EINVAL, "manifest.json: format 0, this firstlight reads format 1"},
    {"{\"format\"", -EINVAL, "manifest.json: line 1: ':' expected near end of file"},
    {"", -EINVAL, "manifest.json: line 1: '[' or '{' expected near end of file"},
};

static void strange_manifests_are_no_crash(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        struct arena *arena = arena_new(0);
        char *exact = malloc(len ? len : 1);
        struct err err = {0};
        struct manifest out;

        memcpy(exact, cases[i].text, len);
        assert_int_equal(manifest_parse(arena, (struct str){exact, len}, &out, &err),
                         cases[i].want);
        if (cases[i].err)
            assert_string_equal(err.text, cases[i].err);
        free(exact);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_parsed_back),
        cmocka_unit_test(a_name_that_is_no_utf8_does_not_break_the_manifest),
        cmocka_unit_test(strange_manifests_are_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
