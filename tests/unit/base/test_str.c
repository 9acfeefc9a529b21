#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void numbers_are_whole_or_nothing(void **state)
{
    static const struct {
        const char *text;
        int base, want;
        int64_t value;
    } cases[] = {
        {"12", 10, 0, 12},
        {"-7", 10, 0, -7},
        {"0x1f", 0, 0, 31},
        {"ff", 16, 0, 255},
        {"", 10, -EINVAL, 0},
        {" 1", 10, -EINVAL, 0},
        {"1 ", 10, -EINVAL, 0},
        {"1x", 10, -EINVAL, 0},
        {"99999999999999999999", 10, -ERANGE, 0},
        {"9223372036854775807", 10, 0, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 0;

        assert_int_equal(str_to_i64(str_of(cases[i].text), cases[i].base, &value), cases[i].want);
        assert_int_equal(value, cases[i].value);
    }
}

static void globs_match_whole_texts(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } cases[] = {
        {"*", "", true},
        {"a*", "a", true},
        {"a*c", "abbc", true},
        {"a*c", "abb", false},
        {"*.port:ACS*", "gpu0.port:ACS.x", true},
        {"?", "", false},
        {"??", "ab", true},
        {"*a*b*", "xxaxxbxx", true},
        {"", "", true},
        {"", "a", false},
        {"a**b", "ab", true},
        {"*aab", "aaaaaaaab", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(str_glob(cases[i].pattern, str_of(cases[i].text)), cases[i].want);
}

static void lines_lose_their_ends(void **state)
{
    struct str rest = STR("a\r\n\nb"), line;

    (void)state;
    assert_true(str_line(&rest, &line) && str_is(line, "a"));
    assert_true(str_line(&rest, &line) && str_is(line, ""));
    assert_true(str_line(&rest, &line) && str_is(line, "b"));
    assert_false(str_line(&rest, &line));
}

static void an_arena_keeps_its_bound(void **state)
{
    struct arena *arena = arena_new(100000);
    size_t given = 0;

    (void)state;
    while (arena_alloc(arena, 1000))
        given++;
    assert_in_range(given, 60, 100);
    arena_reset(arena);
    assert_non_null(arena_alloc(arena, 1000));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_null(arena_alloc(arena, SIZE_MAX - 40));
    arena_free(arena);
}

static void a_map_finds_what_was_added(void **state)
{
    struct map map = {0};

    (void)state;
    for (uintptr_t i = 1; i <= 10000; i++)
        assert_int_equal(map_add(&map, i * 64, (void *)i), 0);
    for (uintptr_t i = 1; i <= 10000; i++)
        assert_ptr_equal(map_get(&map, i * 64, NULL), (void *)i);
    assert_null(map_get(&map, 7, NULL));
    map_done(&map);
}

static void errors_say_what_was_being_done(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(err_set(&err, -EINVAL, "line %d: no width", 7), -EINVAL);
    assert_int_equal(err_wrap(&err, -EINVAL, "node %s", "n1"), -EINVAL);
    assert_string_equal(err.text, "node n1: line 7: no width");
    assert_int_equal(err_set(NULL, -ENOMEM, "nobody reads this"), -ENOMEM);
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
    char folder[] = "/tmp/firstlight-test-XXXXXX", path[64], *text;
    struct err err = {0};
    size_t len;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/f", folder);
    assert_int_equal(file_write(path, "one", 3, &err), 0);
    assert_int_equal(file_write(path, "second", 6, &err), 0);
    assert_int_equal(file_read(path, 100, &text, &len, &err), 0);
    assert_int_equal(len, 6);
    assert_string_equal(text, "second");
    free(text);
    assert_int_equal(file_read(path, 5, &text, &len, &err), -EFBIG);
    assert_int_equal(file_read(folder, 5, &text, &len, &err), -EISDIR);
    (void)unlink(path);
    assert_int_equal(file_read(path, 5, &text, &len, &err), -ENOENT);
    (void)rmdir(folder);
}

static void digits_are_cut_off_the_front(void **state)
{
    static const struct {
        const char *text;
        int base;
        const char *digits, *rest;
    } rows[] = {
        {"12ab", 10, "12", "ab"}, {"12aBg", 16, "12aB", "g"}, {"x1", 10, "", "x1"},
        {"", 16, "", ""},         {"@`G", 16, "", "@`G"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str rest = str_of(rows[i].text), digits = str_digits(&rest, rows[i].base);

        assert_true(str_is(digits, rows[i].digits));
        assert_true(str_is(rest, rows[i].rest));
    }
}

static void one_of_several_globs_is_enough(void **state)
{
    (void)state;
    assert_true(str_glob_any("ACS AER* ", STR("AERCount")));
    assert_false(str_glob_any("ACS AER", STR("AERCount")));
    assert_false(str_glob_any("", STR("")));
}

static void names_come_in_the_order_of_their_numbers(void **state)
{
    char folder[] = "/tmp/firstlight-test-XXXXXX", path[64];
    static const char *const want[] = {"n1", "n2", "n10"};
    struct arena *arena = arena_new(0);
    const char *const *names;

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, want[(i + 1) % 3]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_int_equal(file_list(arena, folder, 10, &names, NULL), 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(names[i], want[i]);
    assert_int_equal(file_list(arena, folder, 2, &names, NULL), -EFBIG);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, want[i]);
        (void)rmdir(path);
    }
    (void)rmdir(folder);
    arena_free(arena);
}

static void words_are_wrapped_and_never_cut(void **state)
{
    static const struct {
        const char *text;
        size_t at, indent;
        const char *want;
    } cases[] = {
        {"", 0, 0, "\n"},
        {"  ", 3, 3, "\n"},
        {"one two three", 0, 0, "one two\nthree\n"},
        {"one  two", 0, 0, "one two\n"},
        {"a word_longer_than_a_line b", 0, 2, "a\n  word_longer_than_a_line\n  b\n"},
        {"exactly10c", 0, 0, "exactly10c\n"},
        {"four and", 2, 2, "four and\n"},
        {"four and", 3, 2, "four\n  and\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};

        buf_wrap(&out, cases[i].text, cases[i].at, cases[i].indent, 10);
        assert_string_equal(out.p, cases[i].want);
        buf_done(&out);
    }
}

static void words_are_as_far_apart_as_letters_must_change(void **state)
{
    static const struct {
        const char *a, *b;
        size_t want;
    } cases[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"abc", "", 3},
        {"abc", "abd", 1},
        {"abc", "acb", 1},
        {"memory.raed", "memory.read", 1},
        {"kitten", "sitting", 3},
        {"pair", "repair", 2},
    };
    char long_word[STR_WORD_MAX + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(str_distance(str_of(cases[i].a), str_of(cases[i].b)), cases[i].want);
        assert_int_equal(str_distance(str_of(cases[i].b), str_of(cases[i].a)), cases[i].want);
    }
    memset(long_word, 'x', sizeof(long_word));
    assert_true(str_distance((struct str){long_word, STR_WORD_MAX}, str_of("x")) ==
                STR_WORD_MAX - 1);
    assert_true(str_distance((struct str){long_word, STR_WORD_MAX + 1}, str_of("x")) == SIZE_MAX);
}

static void words_are_quoted_where_a_shell_needs_it(void **state)
{
    static const char *const rows[][2] = {{"a-b_c=/d.e:f,g@h%i+9", "a-b_c=/d.e:f,g@h%i+9"},
                                          {"", "''"},
                                          {"a b", "'a b'"},
                                          {"it's", "'it'\\''s'"},
                                          {"$x", "'$x'"},
                                          {"~", "'~'"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};

        buf_put_word(&out, rows[i][0]);
        assert_string_equal(out.p, rows[i][1]);
        buf_done(&out);
    }
}

static void lines_are_counted(void **state)
{
    (void)state;
    assert_int_equal(str_lines(STR("")), 0);
    assert_int_equal(str_lines(STR("a")), 1);
    assert_int_equal(str_lines(STR("a\n")), 1);
    assert_int_equal(str_lines(STR("\n\r\nb")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_where_a_shell_needs_it),
        cmocka_unit_test(lines_are_counted),
        cmocka_unit_test(words_are_wrapped_and_never_cut),
        cmocka_unit_test(words_are_as_far_apart_as_letters_must_change),
        cmocka_unit_test(numbers_are_whole_or_nothing),
        cmocka_unit_test(globs_match_whole_texts),
        cmocka_unit_test(one_of_several_globs_is_enough),
        cmocka_unit_test(digits_are_cut_off_the_front),
        cmocka_unit_test(lines_lose_their_ends),
        cmocka_unit_test(an_arena_keeps_its_bound),
        cmocka_unit_test(a_map_finds_what_was_added),
        cmocka_unit_test(errors_say_what_was_being_done),
        cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
        cmocka_unit_test(names_come_in_the_order_of_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
