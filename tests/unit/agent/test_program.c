#include "agent/program.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *name, *script;
    unsigned exits_well;
    enum manifest_status status;
    int exit_status;
    const char *output, *error;
} cases[] = {
    {"says something", "echo hello", 0, MANIFEST_OK, 0, "hello\n", NULL},
    {"says nothing", ":", 0, MANIFEST_OK, 0, "", NULL},
    {"fails with a word", "echo out; echo >&2; echo ' why ' >&2; echo more >&2; exit 3", 0,
     MANIFEST_FAILED, 3, "out\n", "exit status 3: why"},
    {"fails without a word", "exit 4", 0, MANIFEST_FAILED, 4, "", "exit status 4"},
    {"exit status that is well", "echo x; exit 1", 1 << 1, MANIFEST_OK, 1, "x\n", NULL},
    {"denied", "echo 'x: Permission denied' >&2; exit 1", 0, MANIFEST_DENIED, 1, "",
     "exit status 1: x: Permission denied"},
    {"dies", "echo half; kill -SEGV $$", 0, MANIFEST_FAILED, -SIGSEGV, "",
     "died of signal 11 (Segmentation fault)"},
    {"too much", "head -c 3000000 /dev/zero", 0, MANIFEST_CUT, 0, NULL,
     "more than 1 MiB of output"},
    {"no end", "echo half; sleep 100", 0, MANIFEST_TIMEOUT, -SIGKILL, "", "ended after "},
    {"no end, deaf", "trap '' TERM INT HUP; sleep 100; sleep 100", 0, MANIFEST_TIMEOUT, -SIGKILL,
     "", "ended after "},
    {"writes without end", "yes", 0, MANIFEST_TIMEOUT, -SIGKILL, "", "ended after "},
    {"its child holds on", "echo done; sleep 100 & exit 0", 0, MANIFEST_OK, 0, "done\n", NULL},
    {"plain environment", "echo $LC_ALL $FIRSTLIGHT_TEST; cat", 0, MANIFEST_OK, 0, "C\n", NULL},
};

static void each_command_ends_as_it_should(void **state)
{
    const struct program_limits limits = {.timeout_ms = 2500, .bytes_max = 1 << 20, .at_a_time = 4};
    struct program programs[ARRAY_LEN(cases)] = {0};
    const char *words[ARRAY_LEN(cases)][4];
    struct arena *arena = arena_new(0);
    struct err err = {0};

    (void)state;
    (void)setenv("FIRSTLIGHT_TEST", "leaks", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        words[i][0] = "sh";
        words[i][1] = "-c";
        words[i][2] = cases[i].script;
        words[i][3] = NULL;
        programs[i].path = "/bin/sh";
        programs[i].words = words[i];
        programs[i].exits_well = cases[i].exits_well;
    }
    assert_int_equal(program_run_all(arena, programs, ARRAY_LEN(programs), &limits, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s: %s\n", cases[i].name, programs[i].error ? programs[i].error : "well");
        assert_int_equal(programs[i].status, cases[i].status);
        assert_int_equal(programs[i].exit_status, cases[i].exit_status);
        if (cases[i].output)
            assert_true(str_is(programs[i].output, cases[i].output));
        else
            assert_int_equal(programs[i].output.len, limits.bytes_max);
        if (cases[i].error)
            assert_true(str_starts(str_of(programs[i].error), cases[i].error));
        else
            assert_null(programs[i].error);
    }
    arena_free(arena);
}

static void what_can_not_be_started_says_so(void **state)
{
    const struct program_limits limits = {.timeout_ms = 1000, .bytes_max = 1000, .at_a_time = 1};
    const char *words[] = {"x", NULL};
    struct program programs[] = {{.path = "/etc/passwd", .words = words},
                                 {.path = "/nonexistent/x", .words = words},
                                 {.path = "/bin/true", .words = words}};
    struct arena *arena = arena_new(0);

    (void)state;
    assert_int_equal(program_run_all(arena, programs, 3, &limits, NULL), 0);
    assert_int_equal(programs[0].status, MANIFEST_DENIED);
    assert_string_equal(programs[0].error, "cannot start: Permission denied");
    assert_int_equal(programs[1].status, MANIFEST_FAILED);
    assert_string_equal(programs[1].error, "cannot start: No such file or directory");
    assert_int_equal(programs[2].status, MANIFEST_OK);
    arena_free(arena);
}

/* Ten that hang, two at a time, have one second together. */
static void the_time_for_all_is_kept(void **state)
{
    const struct program_limits limits = {
        .timeout_ms = 60000, .total_ms = 1000, .bytes_max = 1000, .at_a_time = 2};
    const char *words[] = {"sleep", "100", NULL};
    struct program programs[10] = {0};
    struct arena *arena = arena_new(0);
    time_t start = time(NULL);

    (void)state;
    for (size_t i = 0; i < 10; i++)
        programs[i] = (struct program){.path = program_find(arena, "sleep"), .words = words};
    assert_int_equal(program_run_all(arena, programs, 10, &limits, NULL), 0);
    assert_true(time(NULL) - start < 20);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(programs[i].status, MANIFEST_TIMEOUT);
    assert_string_equal(programs[9].error, "not run: the time for all commands was over");
    arena_free(arena);
}

static void a_program_is_found_on_path_only_absolutely(void **state)
{
    struct arena *arena = arena_new(0);
    char *old = strdup(getenv("PATH"));

    (void)state;
    (void)setenv("PATH", "bin:.:/nonexistent:", 1);
    assert_non_null(program_find(arena, "sh")); /* the usual folders */
    assert_int_equal(program_find(arena, "sh")[0], '/');
    assert_null(program_find(arena, "no-such-program-anywhere"));
    (void)unsetenv("PATH");
    assert_non_null(program_find(arena, "sh"));
    (void)setenv("PATH", old, 1);
    free(old);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_ends_as_it_should),
        cmocka_unit_test(what_can_not_be_started_says_so),
        cmocka_unit_test(the_time_for_all_is_kept),
        cmocka_unit_test(a_program_is_found_on_path_only_absolutely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
