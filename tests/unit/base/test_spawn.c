#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *const no_env[] = {NULL};

static void a_child_has_its_own_group_and_no_input(void **state)
{
    static const char *const words[] = {"cat", NULL};
    int out[2], status;
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(spawn_group("cat", words, no_env, (const int[]){-1, out[1], 2}, &pid), 0);
    (void)close(out[1]);
    assert_int_equal(read(out[0], &byte, 1), 0); /* the end, at once */
    assert_int_equal(waitpid(-pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)close(out[0]);
}

static void a_signal_that_we_ignore_ends_a_child(void **state)
{
    static const char *const words[] = {"/bin/sh", "-c", "kill -TERM $$; exit 3", NULL};
    int status;
    pid_t pid;

    (void)state;
    (void)signal(SIGTERM, SIG_IGN);
    assert_int_equal(spawn_group(words[0], words, no_env, (const int[]){-1, 1, 2}, &pid), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    (void)signal(SIGTERM, SIG_DFL);
}

static void what_cannot_run_says_why(void **state)
{
    static const char *const words[] = {"x", NULL};
    pid_t pid;

    (void)state;
    assert_int_equal(spawn_group("/nonexistent/x", words, no_env, (const int[]){-1, 1, 2}, &pid),
                     -ENOENT);
    assert_int_equal(spawn_group("/etc/passwd", words, no_env, (const int[]){-1, 1, 2}, &pid),
                     -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_its_own_group_and_no_input),
        cmocka_unit_test(a_signal_that_we_ignore_ends_a_child),
        cmocka_unit_test(what_cannot_run_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
