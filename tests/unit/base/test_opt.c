#include "base/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct args {
    bool json;
    const char *out;
    int64_t threads;
    double level;
    struct opt_list hosts;
};

static const struct opt opts[] = {
    {"json", 'j', OPT_FLAG, NULL, "as JSON", offsetof(struct args, json)},
    {"out", 'o', OPT_TEXT, "FILE", "where to", offsetof(struct args, out)},
    {"threads", 't', OPT_NUMBER, "N", "how many", offsetof(struct args, threads)},
    {"level", 0, OPT_REAL, "P", "how sure", offsetof(struct args, level)},
    {"host", 0, OPT_LIST, "HOST", "one more", offsetof(struct args, hosts)},
};

static int parse(struct args *args, int *words, struct err *err, const char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return opt_parse(opts, ARRAY_LEN(opts), args, argc, (char **)argv, words, err);
}

static void values_and_words_may_be_mixed(void **state)
{
    struct args args = {0};
    int words;
    const char *argv[] = {"cmd",  "a",      "-j", "--out=x",   "b",  "-t",     "12k", "--level",
                          "0.05", "--host", "n1", "--host=n2", "--", "--json", NULL};

    (void)state;
    assert_int_equal(parse(&args, &words, NULL, argv), 0);
    assert_true(args.json);
    assert_string_equal(args.out, "x");
    assert_int_equal(args.threads, 12000);
    assert_true(args.level == 0.05);
    assert_int_equal(args.hosts.count, 2);
    assert_string_equal(args.hosts.items[1], "n2");
    assert_int_equal(words, 3);
    assert_string_equal(argv[0], "a");
    assert_string_equal(argv[1], "b");
    assert_string_equal(argv[2], "--json");
}

static void a_wrong_option_is_named(void **state)
{
    static const struct {
        const char *words[3], *err;
    } cases[] = {
        {{"--nope"}, "there is no option --nope"},
        {{"-x"}, "there is no option -x"},
        {{"--json=1"}, "--json takes no value"},
        {{"--out"}, "--out needs a value: FILE"},
        {{"-t", "many"}, "--threads takes a number, not 'many'"},
        {{"-t", "-4"}, "--threads takes a number, not '-4'"},
        {{"-t", "9999999999999999G"}, "--threads takes a number, not '9999999999999999G'"},
        {{"--level", "x"}, "--level takes a number, not 'x'"},
        {{"-jo"}, "give -j and what follows it apart: '-jo'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *argv[] = {"cmd", (char *)cases[i].words[0], (char *)cases[i].words[1], NULL};
        struct args args = {0};
        struct err err = {0};
        int words;

        assert_true(parse(&args, &words, &err, argv) < 0);
        assert_string_equal(err.text, cases[i].err);
    }
}

static void an_option_given_too_often_is_an_error(void **state)
{
    static const char *argv[2 * OPT_LIST_MAX + 4] = {"cmd"};
    struct args args = {0};
    struct err err = {0};
    int words;

    (void)state;
    for (size_t i = 0; i <= OPT_LIST_MAX; i++) {
        argv[1 + 2 * i] = "--host";
        argv[2 + 2 * i] = "n";
    }
    assert_true(parse(&args, &words, &err, argv) < 0);
    assert_int_equal(args.hosts.count, OPT_LIST_MAX);
}

static void help_fits_a_narrow_terminal(void **state)
{
    static const struct opt some[] = {
        {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", 0},
        {"attempts-without-progress", 0, OPT_NUMBER, "N",
         "Attempts without a new step until the run comes to its end", 0},
    };
    struct buf out = {0};

    (void)state;
    opt_help(some, ARRAY_LEN(some), &out);
    assert_string_equal(
        out.p, "  -j, --json                  Answer in JSON\n"
               "      --attempts-without-progress N\n"
               "                              Attempts without a new step until the run comes\n"
               "                              to its end\n");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_fits_a_narrow_terminal),
        cmocka_unit_test(values_and_words_may_be_mixed),
        cmocka_unit_test(a_wrong_option_is_named),
        cmocka_unit_test(an_option_given_too_often_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
