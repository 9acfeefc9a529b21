#include "ranks/strays.h"
#include "ranks/warden.h"

#include "unit/ranks/victims.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

struct node {
    pid_t warden, agent;
    int victims;      /* the reading end */
    char folder[128]; /* of pages */
};

static const char *run_id(void)
{
    static char id[64];

    (void)snprintf(id, sizeof(id), "test-warden-%d", (int)getpid());
    return id;
}

static void on_term(int signo)
{
    _exit(signo == SIGTERM ? 42 : 43);
}

/* Below the agent: dies with it, as ranks do. */
static void start_rank(const char *const *words, int fd, const char *run)
{
    pid_t agent = getpid();
    char number[16], id[96];
    char *env[] = {number, id, NULL};

    if (fork() > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != agent)
        _exit(1);
    (void)setpgid(0, 0);
    (void)fcntl(fd, F_SETFD, 0);
    (void)snprintf(number, sizeof(number), "VICTIM_FD=%d", fd);
    (void)snprintf(id, sizeof(id), "FIRSTLIGHT_RUN_ID=%s", run);
    (void)execve(victim_path(), (char *const *)words, env);
    _exit(127);
}

/* An agent below a warden, which starts a rank that does `words` and then ends (`exit_code`) or
 * waits (-1). */
static void start_node(struct node *node, const char *const *words, const char *run, int exit_code)
{
    int victims[2], told[2];

    assert_int_equal(pipe2(victims, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    (void)snprintf(node->folder, sizeof(node->folder), "/dev/shm/test-warden-%d", (int)getpid());
    (void)mkdir(node->folder, 0700);
    node->warden = fork();
    if (node->warden == 0) {
        char page[160];
        pid_t self;

        (void)close(victims[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing either */
        if (warden_begin(node->folder, NULL) < 0)
            _exit(99);
        (void)snprintf(page, sizeof(page), "%s/page", node->folder);
        (void)close(open(page, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        (void)signal(SIGTERM, on_term);
        if (words)
            start_rank(words, victims[1], run);
        self = getpid();
        (void)!write(told[1], &self, sizeof(self));
        if (exit_code >= 0)
            _exit(exit_code);
        for (;;)
            (void)pause();
    }
    (void)close(victims[1]);
    (void)close(told[1]);
    assert_int_equal(read(told[0], &node->agent, sizeof(node->agent)), sizeof(node->agent));
    (void)close(told[0]);
    node->victims = victims[0];
}

static int warden_ended(const struct node *node)
{
    int status;

    assert_int_equal(waitpid(node->warden, &status, 0), node->warden);
    return status;
}

static void assert_folder(const struct node *node, bool there)
{
    char page[160];
    struct stat folder;

    assert_int_equal(stat(node->folder, &folder) == 0, there);
    (void)snprintf(page, sizeof(page), "%s/page", node->folder);
    (void)unlink(page);
    (void)rmdir(node->folder);
}

/* Everything that may be below a rank, and the number of processes that say so. */
static const char *const family[] = {"victim",  "ignore", "child", "deep",
                                     "session", "daemon", "sleep", NULL};
enum { FAMILY = 1 + 3 + 1 + 1 + 1 };

static void an_agents_exit_code_is_its_wardens(void **state)
{
    struct node node;
    int status;

    (void)state;
    start_node(&node, family, run_id(), 7);
    status = warden_ended(&node);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    assert_true(victims_gone(node.victims)); /* what it left behind is no one's */
    assert_folder(&node, true);
    (void)close(node.victims);
}

static void a_polite_signal_is_handed_on(void **state)
{
    struct node node;
    int status;

    (void)state;
    start_node(&node, NULL, run_id(), -1);
    assert_int_equal(kill(node.warden, SIGTERM), 0);
    status = warden_ended(&node);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    assert_folder(&node, true);
    (void)close(node.victims);
}

static void a_killed_agent_leaves_nothing(void **state)
{
    struct node node;
    int status;

    (void)state;
    start_node(&node, family, run_id(), -1);
    assert_true(victims_ready(node.victims, FAMILY));
    assert_int_equal(kill(node.agent, SIGKILL), 0);
    assert_true(victims_gone(node.victims));
    status = warden_ended(&node);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);
    assert_folder(&node, false);
    (void)close(node.victims);
}

static void a_killed_warden_leaves_nothing(void **state)
{
    struct node node;

    (void)state;
    start_node(&node, family, run_id(), -1);
    assert_true(victims_ready(node.victims, FAMILY));
    assert_int_equal(kill(node.warden, SIGKILL), 0);
    assert_true(victims_gone(node.victims)); /* the agent had the pipe too: it has ended */
    (void)warden_ended(&node);
    assert_folder(&node, false);
    (void)close(node.victims);
}

/* A chain of forks, each in a session of its own, whose parents end at once. */
static void what_runs_away_is_caught(void **state)
{
    static const char *const words[] = {"victim", "runner", "runner", "sleep", NULL};
    struct node node;

    (void)state;
    start_node(&node, words, run_id(), -1);
    assert_true(victims_ready(node.victims, 3));
    assert_int_equal(kill(node.agent, SIGKILL), 0);
    assert_true(victims_gone(node.victims));
    (void)warden_ended(&node);
    assert_folder(&node, false);
    (void)close(node.victims);
}

/* The agent is stopped first, so that it cannot see its warden die. */
static void kill_both(const struct node *node)
{
    char path[64], state = 0;

    assert_int_equal(kill(node->agent, SIGSTOP), 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)node->agent);
    while (state != 'T') {
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d %*s %c", &state), 1);
        (void)fclose(file);
    }
    assert_int_equal(kill(node->warden, SIGKILL), 0);
    assert_int_equal(kill(node->agent, SIGKILL), 0);
    (void)warden_ended(node);
}

static void when_both_are_killed_direct_ranks_die_at_once(void **state)
{
    static const char *const words[] = {"victim", "ignore", "sleep", NULL};
    struct node node;

    (void)state;
    start_node(&node, words, run_id(), -1);
    assert_true(victims_ready(node.victims, 1));
    kill_both(&node);
    assert_true(victims_gone(node.victims));
    assert_folder(&node, true);
    (void)close(node.victims);
}

static void strays_are_found_by_their_run_and_nobody_else(void **state)
{
    static const char *const sleeper[] = {"victim", "sleep", NULL};
    struct node dead, other_run, living;
    struct pollfd quiet[2];

    (void)state;
    start_node(&other_run, family, "another-run", -1);
    start_node(&living, sleeper, run_id(), -1); /* the same run, but it has an agent */
    start_node(&dead, family, run_id(), -1);
    assert_true(victims_ready(other_run.victims, FAMILY));
    assert_true(victims_ready(living.victims, 1));
    assert_true(victims_ready(dead.victims, FAMILY));
    kill_both(&other_run);
    kill_both(&dead);
    /* all but the rank itself, which the kernel kills, perhaps a moment later */
    assert_in_range(strays_end(run_id()), FAMILY - 1, FAMILY);
    assert_true(victims_gone(dead.victims));
    assert_int_equal(strays_end(run_id()), 0);
    quiet[0] = (struct pollfd){.fd = other_run.victims, .events = POLLIN};
    quiet[1] = (struct pollfd){.fd = living.victims, .events = POLLIN};
    assert_int_equal(poll(quiet, 2, 100), 0); /* nobody died there */
    assert_in_range(strays_end("another-run"), FAMILY - 1, FAMILY);
    assert_true(victims_gone(other_run.victims));
    assert_int_equal(kill(living.agent, SIGKILL), 0);
    assert_true(victims_gone(living.victims));
    (void)warden_ended(&living);
    (void)close(dead.victims);
    (void)close(other_run.victims);
    (void)close(living.victims);
    (void)rmdir(dead.folder);
}

static void a_folder_name_too_long_is_an_error(void **state)
{
    char name[5000];
    struct err err;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(warden_begin(name, &err), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agents_exit_code_is_its_wardens),
        cmocka_unit_test(a_polite_signal_is_handed_on),
        cmocka_unit_test(a_killed_agent_leaves_nothing),
        cmocka_unit_test(a_killed_warden_leaves_nothing),
        cmocka_unit_test(what_runs_away_is_caught),
        cmocka_unit_test(when_both_are_killed_direct_ranks_die_at_once),
        cmocka_unit_test(strays_are_found_by_their_run_and_nobody_else),
        cmocka_unit_test(a_folder_name_too_long_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
