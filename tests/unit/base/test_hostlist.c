#include "base/hostlist.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char *joined(struct arena *arena, const struct hostlist *list)
{
    struct buf text = {0};
    char *out;

    for (size_t i = 0; i < list->count; i++)
        buf_printf(&text, "%s%s", i ? " " : "", list->names[i]);
    out = arena_copy(arena, text.p ? text.p : "", text.len);
    buf_done(&text);
    return out;
}

static const struct {
    const char *text;
    int want;
    const char *names, *err;
} cases[] = {
    {"n1", 0, "n1", NULL},
    {"a,b", 0, "a b", NULL},
    {" a\nb\r\n\tc,,", 0, "a b c", NULL},
    {"n[1-3]", 0, "n1 n2 n3", NULL},
    {"n[001-003]", 0, "n001 n002 n003", NULL},
    {"n[9-11]", 0, "n9 n10 n11", NULL},
    {"n[09-11]", 0, "n09 n10 n11", NULL},
    {"n[01-03,07]-ib", 0, "n01-ib n02-ib n03-ib n07-ib", NULL},
    {"r[1-2]n[01-02]", 0, "r1n01 r1n02 r2n01 r2n02", NULL},
    {"n[1-2],n[2-3]", 0, "n1 n2 n3", NULL},
    {"root@n1.cluster", 0, "root@n1.cluster", NULL},
    {"[1-2]x", 0, "1x 2x", NULL},
    {"", -EINVAL, NULL, "the host list names no host"},
    {" ,\n", -EINVAL, NULL, "the host list names no host"},
    {"n[1-3", -EINVAL, NULL, "a '[' without its ']' in the host list"},
    {"n1-3]", -EINVAL, NULL, "a host name can't hold the character ']' (0x5d)"},
    {"n[]", -EINVAL, NULL, "an empty [] in the host list"},
    {"n[a]", -EINVAL, NULL, "'a' in a host list is no number and no range"},
    {"n[1-]", -EINVAL, NULL, "'1-' in a host list is no number and no range"},
    {"n[-1]", -EINVAL, NULL, "'-1' in a host list is no number and no range"},
    {"n[3-1]", -EINVAL, NULL, "the host range 3-1 runs backwards"},
    {"-oProxyCommand=x", -EINVAL, NULL, "a host name can't hold the character '=' (0x3d)"},
    {"-v", -EINVAL, NULL, "host name '-v' must begin with a letter or a digit"},
    {"../x", -EINVAL, NULL, "a host name can't hold the character '/' (0x2f)"},
    {"..", -EINVAL, NULL, "host name '..' must begin with a letter or a digit"},
    {"n[1]a[1]b[1]c[1]d[1]", -EINVAL, NULL, "more than 4 brackets in one host name"},
    {"n[1-100001]", -E2BIG, NULL, "the host range 1-100001 has more than 100000 hosts"},
    {"n[1-999]m[1-999]", -E2BIG, NULL, "more than 100000 hosts"},
    {"n[1-99999999999999999999]", -EINVAL, NULL,
     "'1-99999999999999999999' in a host list is no number and no range"},
};

static void a_host_list_gives_its_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_new(0);
        size_t len = strlen(cases[i].text);
        char *text = malloc(len ? len : 1); /* exactly its size: ASan sees one byte past */
        struct hostlist list = {0};
        struct err err = {0};

        memcpy(text, cases[i].text, len);
        assert_int_equal(hostlist_expand(arena, (struct str){text, len}, &list, &err),
                         cases[i].want);
        if (cases[i].names)
            assert_string_equal(joined(arena, &list), cases[i].names);
        else
            assert_string_equal(err.text, cases[i].err);
        free(text);
        arena_free(arena);
    }
}

static void a_long_name_is_refused(void **state)
{
    struct arena *arena = arena_new(0);
    struct hostlist list;
    struct err err = {0};
    char text[400];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(hostlist_expand(arena, (struct str){text, 255}, &list, &err), 0);
    assert_int_equal(hostlist_expand(arena, (struct str){text, 256}, &list, &err), -EINVAL);
    memcpy(text + 250, "[000001]", 8);
    assert_int_equal(hostlist_expand(arena, (struct str){text, 258}, &list, &err), -EINVAL);
    arena_free(arena);
}

static const struct {
    const char *names, *want;
} folds[] = {
    {"n1", "n1"},
    {"n001 n002 n003", "n[001-003]"},
    {"n003 n001 n002 n001", "n[001-003]"},
    {"n8 n9 n10 n11", "n[8-11]"},
    {"n08 n09 n10 n11 n99 n100", "n[08-11,99-100]"},
    {"n1 n01", "n[01,1]"},
    {"n1 n3 login", "login,n[1,3]"},
    {"n01-ib n02-ib n07-ib", "n[01-02,07]-ib"},
    {"r1n01 r1n02 r2n01 r2n02", "r[1-2]n[01-02]"},
    {"r1n01 r1n02 r2n01", "r1n[01-02],r2n01"},
    {"n1-ib0 n2-ib0 n3-ib0", "n[1-3]-ib0"},
    {"a b", "a,b"},
    {"n99999999999999999999 n99999999999999999998", "n99999999999999999998,n99999999999999999999"},
};

static void names_fold_to_the_short_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(folds); i++) {
        struct arena *arena = arena_new(0);
        struct str rest = str_of(folds[i].names), word;
        const char *names[16];
        size_t count = 0;

        while (str_word(&rest, &word))
            names[count++] = arena_copy(arena, word.p, word.len);
        assert_string_equal(hostlist_fold(arena, names, count), folds[i].want);
        arena_free(arena);
    }
}

static void folding_no_names_is_empty(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    assert_string_equal(hostlist_fold(arena, NULL, 0), "");
    arena_free(arena);
}

/* Whatever is folded expands to the same set again. */
static void what_is_folded_expands_to_the_same(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct arena *arena = arena_new(0);
        const char *names[64];
        struct hostlist list, again;
        char *folded, *twice;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            seed = seed * 1103515245 + 12345;
            names[i] = arena_printf(arena, "r%un%0*u%s", (seed >> 28) & 1, (int)(seed >> 12) % 3,
                                    (seed >> 16) % 120, (seed >> 24) & 3 ? "" : "-ib");
        }
        folded = hostlist_fold(arena, names, ARRAY_LEN(names));
        assert_int_equal(hostlist_expand(arena, str_of(folded), &list, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            bool found = false;

            for (size_t k = 0; k < list.count && !found; k++)
                found = !strcmp(list.names[k], names[i]);
            assert_true(found);
        }
        twice = hostlist_fold(arena, (const char *const *)list.names, list.count);
        assert_string_equal(twice, folded);
        assert_int_equal(hostlist_expand(arena, str_of(twice), &again, NULL), 0);
        assert_int_equal(again.count, list.count);
        arena_free(arena);
    }
}

static void a_name_that_comes_again_is_told(void **state)
{
    struct arena *arena = arena_new(0);
    struct hostlist list;

    (void)state;
    assert_int_equal(hostlist_expand(arena, STR("n[1-3],login,n[2-4],login"), &list, NULL), 0);
    assert_int_equal(list.count, 5);
    assert_string_equal(list.twice, "n2");
    assert_int_equal(hostlist_expand(arena, STR("n[1-3]"), &list, NULL), 0);
    assert_null(list.twice);
    arena_free(arena);
}

static void an_arena_too_small_is_no_crash(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 20000; bytes += 97) {
        struct arena *arena = arena_new(bytes);
        struct hostlist list;
        int r = arena ? hostlist_expand(arena, STR("r[1-2]n[001-200]"), &list, NULL) : -ENOMEM;

        assert_true(r == 0 || r == -ENOMEM);
        if (r == 0)
            assert_int_equal(list.count, 400);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_list_gives_its_names),
        cmocka_unit_test(a_long_name_is_refused),
        cmocka_unit_test(names_fold_to_the_short_form),
        cmocka_unit_test(folding_no_names_is_empty),
        cmocka_unit_test(what_is_folded_expands_to_the_same),
        cmocka_unit_test(a_name_that_comes_again_is_told),
        cmocka_unit_test(an_arena_too_small_is_no_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
