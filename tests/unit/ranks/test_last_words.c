#include "ranks/last_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *name, *said, *want;
    size_t max;
} texts[] = {
    {"nothing", "", "", 100},
    {"blanks", " \n\n", "", 100},
    {"all of it", "a\nb\n", "a\nb", 100},
    {"whole lines that fit", "first\nsecond\nthird\n", "second\nthird", 13},
    {"just not", "first\nsecond\nthird\n", "third", 11},
    {"a line longer than that", "first\nabcdefgh\n", "efgh", 4},
    {"a character cut in two", "a\xc3\xa9z\n", "z", 2},
    {"colours", "\033[1;31mRed\033[0m alert\033[K\n", "Red alert", 100},
    {"a progress bar", "10%\r50%\r100%\n", "50%\n100%", 9},
    {"bytes that are no text", "a\xff\xfe\001b\x7f\xc3", "a???b??", 100},
    {"characters of all sizes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa5",
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa5", 100},
};

static void the_end_is_whole_lines_where_they_fit(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct last_words words = {0};
        struct str got;

        for (const char *p = texts[i].said; *p; p++) /* as slowly as can be */
            last_words_add(&words, (struct str){p, 1});
        got = last_words_text(&words, arena, texts[i].max);
        if (!str_is(got, texts[i].want))
            fail_msg("%s: \"%.*s\"", texts[i].name, STR_ARG(got));
        last_words_done(&words);
    }
    arena_free(arena);
}

static void the_ring_keeps_the_newest_however_it_came(void **state)
{
    struct arena *arena = arena_new(0);
    static char much[3 * LAST_WORDS_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(much); i += 16)
        (void)!memcpy(much + i, "0123456789abcde\n", 16);
    for (size_t part = 1; part <= sizeof(much); part = part * 5 + 1) {
        struct last_words words = {0};
        struct str got;

        for (size_t at = 0; at < sizeof(much); at += part)
            last_words_add(
                &words,
                (struct str){much + at, sizeof(much) - at < part ? sizeof(much) - at : part});
        got = last_words_text(&words, arena, LAST_WORDS_BYTES);
        /* Its first line may be a part of one, so it goes; the last newline is no word. */
        assert_int_equal(got.len, LAST_WORDS_BYTES - 16 - 1);
        assert_memory_equal(got.p, much, got.len);
        last_words_done(&words);
    }
    arena_free(arena);
}

static const struct {
    const char *json, *want;
} files[] = {
    {"{\"message\":{\"message\":\"ValueError: boom\",\"extraInfo\":{\"py_callstack\":\"x\"}}}",
     "ValueError: boom"},
    {"{\"message\":\"killed\"}", "killed"},
    {"{\"message\":\"a very long message\"}", "a very long messag"},
    {"{\"message\":{\"text\":\"x\"}}", ""},
    {"{\"message\":17}", ""},
    {"[\"message\"]", ""},
    {"{\"message\":{\"message\":\"Val", ""},
    {"", ""},
};

static void an_error_files_message_is_read(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct str got = last_words_error_file(arena, str_of(files[i].json), 18);

        if (!str_is(got, files[i].want))
            fail_msg("%s: \"%.*s\"", files[i].json, STR_ARG(got));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_is_whole_lines_where_they_fit),
        cmocka_unit_test(the_ring_keeps_the_newest_however_it_came),
        cmocka_unit_test(an_error_files_message_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
