/* libfirstlight and firstlight.py against the agent's reader: both write the same bytes.
 * ctest labels: threads */
#include "base/rng.h"
#include "base/str.h"
#include "progress/page.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S     60 /* for an event, on a machine that has other things to do */
#define KILLS      30
#define PATH_SPACE 2000

static char folder[PATH_SPACE], path[PATH_SPACE + 8];
static const char *const *writer; /* words before the scenario */

static const char *const c_writer[] = {TEST_TELL, NULL};
static const char *const python_writer[] = {"python3", TEST_TELL_PY, NULL};

static pid_t start(const char *scenario, int out)
{
    const char *words[4] = {NULL};
    size_t n = 0;
    pid_t pid;

    for (; writer[n]; n++)
        words[n] = writer[n];
    words[n] = scenario;
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* of a test that fails nothing stays */
        if (out >= 0)
            (void)dup2(out, 1);
        (void)execvp(words[0], (char *const *)words);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void finish(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void run(const char *scenario)
{
    finish(start(scenario, -1));
}

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

/* Wait until `holds` says so of a whole copy of the page: a writer that lives and was stopped in
 * the middle of an update, as on a busy machine, goes on. */
static void wait_for(const struct page *page, bool (*holds)(const struct page *, int64_t),
                     int64_t value, struct page *copy)
{
    for (long i = 0; i < WAIT_S * 1000; i++, pause_ms(1))
        if (page_read(page, copy) && holds(copy, value))
            return;
    fail_msg("the writer does not get on");
}

static bool has_calls(const struct page *copy, int64_t calls)
{
    return copy->step_calls >= calls;
}

static bool has_saved(const struct page *copy, int64_t count)
{
    return copy->checkpoint_count >= count;
}

static struct page *new_page(void)
{
    struct page *page = page_create(path, NULL);

    assert_non_null(page);
    return page;
}

static void what_is_told_is_read(void **state)
{
    struct page *page = new_page(), copy;
    char absolute[PATH_SPACE + 8];

    (void)state;
    run("all");
    assert_true(page_read(page, &copy));
    assert_true(copy.pid > 0);
    assert_int_equal(copy.phase, PAGE_PHASE_EVAL);
    assert_int_equal(copy.step, 4);
    assert_int_equal(copy.total, 10);
    assert_int_equal(copy.tokens, 128);
    assert_true(copy.loss == 2.25);
    assert_int_equal(copy.step_calls, 2);
    assert_int_equal(copy.checkpoint_step, 4);
    assert_int_equal(copy.checkpoint_count, 1);
    assert_non_null(getcwd(absolute, sizeof(absolute) - 8));
    (void)strcat(absolute, "/step_4");
    assert_string_equal(copy.checkpoint_path, absolute);
    assert_true(copy.step_at_ns > 0 && copy.checkpoint_at_ns >= copy.step_at_ns);
    assert_true(copy.phase_at_ns >= copy.checkpoint_at_ns);

    /* The next program of the same rank begins anew. */
    run("least");
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.phase, PAGE_PHASE_STEP);
    assert_int_equal(copy.step, 1);
    assert_int_equal(copy.total, -1);
    assert_int_equal(copy.tokens, -1);
    assert_true(isnan(copy.loss));
    assert_int_equal(copy.step_calls, 1);
    assert_int_equal(copy.checkpoint_step, -1);
    assert_int_equal(copy.checkpoint_count, 0);
    assert_string_equal(copy.checkpoint_path, "");
    for (size_t i = sizeof(copy); i < PAGE_BYTES; i++)
        assert_int_equal(((const char *)page)[i], 0);
    page_unmap(page);
}

static void a_forked_child_and_a_second_process_are_silent(void **state)
{
    struct page *page = new_page(), copy;
    pid_t pid;

    (void)state;
    run("forked");
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.step, 6);
    assert_int_equal(copy.step_calls, 2);
    page_unmap(page);

    page = new_page();
    pid = start("until-stop", -1);
    wait_for(page, has_calls, 1, &copy);
    run("all");
    wait_for(page, has_calls, copy.step_calls + 1, &copy);
    assert_int_equal(copy.pid, pid);
    assert_int_equal(copy.checkpoint_count, 0);
    page_ask_stop(page, 1);
    finish(pid);
    page_unmap(page);
}

static void a_stop_is_told_and_seen(void **state)
{
    struct page *page = new_page(), copy;
    pid_t pid = start("until-stop", -1);

    (void)state;
    wait_for(page, has_calls, 10, &copy);
    for (int n = 1; n <= 2; n++) { /* save and go on: once each time it is asked for */
        page_ask_stop(page, 2);
        wait_for(page, has_saved, n, &copy);
        assert_int_equal(copy.stop_seen, 2);
        wait_for(page, has_calls, copy.step_calls + 1000, &copy);
        assert_int_equal(copy.checkpoint_count, n);
    }
    page_ask_stop(page, 77); /* of a later agent */
    wait_for(page, has_calls, copy.step_calls + 1000, &copy);
    assert_int_not_equal(page->stop_seen, 77); /* 2 when it was just being told of the one before */
    page_ask_stop(page, 1);
    finish(pid);
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.stop_seen, 1);
    assert_int_equal(copy.phase, PAGE_PHASE_DONE);
    page_unmap(page);
}

static void threads_lose_no_call(void **state)
{
    struct page *page = new_page(), copy;

    (void)state;
    run("threads");
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.step_calls, 20000);
    assert_int_equal(copy.tokens, 40000);
    assert_int_equal(copy.checkpoint_count, 20000);
    assert_int_equal(copy.checkpoint_step, 20000);
    page_unmap(page);
}

/* One update says one number everywhere: step(n) all of n, checkpoint_saved one letter. */
static void assert_unmixed(const struct page *copy)
{
    assert_int_equal(copy->total, copy->step);
    assert_int_equal(copy->tokens, copy->step);
    assert_true(copy->loss == (double)copy->step);
    if (copy->checkpoint_count == 0)
        return;
    assert_int_equal(strlen(copy->checkpoint_path), 1999);
    assert_int_equal(copy->checkpoint_path[1], 'a' + copy->checkpoint_step);
    assert_int_equal(copy->checkpoint_path[1998], 'a' + copy->checkpoint_step);
}

static void a_writer_killed_at_any_moment_leaves_a_page_that_is_read(void **state)
{
    struct rng rng = {20261121};
    int torn = 0;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        struct page *page = new_page(), copy;
        pid_t pid = start("forever", -1);

        wait_for(page, has_calls, 1, &copy);
        for (uint64_t n = rng_below(&rng, 30); n > 0; n--) {
            (void)nanosleep(&(struct timespec){0, (long)rng_below(&rng, 50000)}, NULL);
            if (page_read(page, &copy))
                assert_unmixed(&copy);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        if (page_read(page, &copy))
            assert_unmixed(&copy);
        else
            torn++;
        assert_true(copy.step > 0);
        assert_int_equal(copy.phase, PAGE_PHASE_STEP);
        if (i % 8 == 0) { /* whoever comes next leaves it whole */
            run("least");
            assert_true(page_read(page, &copy));
            assert_int_equal(copy.step, 1);
            assert_string_equal(copy.checkpoint_path, "");
        }
        page_unmap(page);
    }
    print_message("%d of %d were killed in the middle of an update\n", torn, KILLS);
}

/* A page whose writer died in mid-update, made by hand: kills hit that moment seldom. */
static void the_next_writer_makes_a_torn_page_whole(void **state)
{
    struct page *page = new_page(), copy;

    (void)state;
    page->sequence = 41;
    page->checkpoint_step = 7;
    (void)strcpy(page->checkpoint_path, "/half/a/pa");
    assert_false(page_read(page, &copy));
    run("least");
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.step, 1);
    assert_int_equal(copy.checkpoint_step, -1);
    assert_string_equal(copy.checkpoint_path, "");
    page_unmap(page);
}

static void write_file(const char *name, const void *bytes, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

static void without_a_usable_page_nothing_happens(void **state)
{
    static char bytes[PAGE_BYTES], again[PAGE_BYTES + 1];
    struct page *page;
    int fd;

    (void)state;
    for (int i = 0; i < 3; i++) {
        static const size_t lens[] = {PAGE_BYTES, PAGE_BYTES, 100};

        memset(bytes, 0, sizeof(bytes));
        if (i == 1) { /* of a version to come */
            memcpy(bytes, "FRSTLGT1", 8);
            bytes[8] = 2;
        }
        (void)unlink(path);
        write_file(path, bytes, lens[i]);
        run("all");
        fd = open(path, O_RDONLY);
        assert_int_equal(read(fd, again, sizeof(again)), lens[i]);
        assert_memory_equal(again, bytes, lens[i]);
        assert_int_equal(close(fd), 0);
    }
    (void)unlink(path);
    run("all"); /* no such file */
    assert_int_equal(mkfifo(path, 0600), 0);
    run("all"); /* does not wait for a reader */
    (void)unlink(path);
    assert_int_equal(unsetenv("FIRSTLIGHT_PAGE"), 0);
    page = new_page();
    run("all");
    run("forked");
    assert_int_equal(page->pid, 0);
    page_unmap(page);
    assert_int_equal(setenv("FIRSTLIGHT_PAGE", path, 1), 0);
}

static void printed(const char *scenario, char *text, size_t space)
{
    size_t len = 0;
    int fds[2];
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = start(scenario, fds[1]);
    assert_int_equal(close(fds[1]), 0);
    while (len < space - 1 && (n = read(fds[0], text + len, space - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    assert_int_equal(close(fds[0]), 0);
    finish(pid);
}

static void where_to_resume_comes_from_the_environment(void **state)
{
    char text[64];

    (void)state;
    printed("resume", text, sizeof(text));
    assert_string_equal(text, "none\n");
    assert_int_equal(setenv("FIRSTLIGHT_RESUME", "/ckpt/step_40", 1), 0);
    printed("resume", text, sizeof(text));
    assert_string_equal(text, "/ckpt/step_40\n");
    assert_int_equal(setenv("FIRSTLIGHT_RESUME", "", 1), 0);
    printed("resume", text, sizeof(text));
    assert_string_equal(text, "none\n");
    assert_int_equal(unsetenv("FIRSTLIGHT_RESUME"), 0);
}

static int tests_of(const char *name, const char *const *words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_read),
        cmocka_unit_test(a_forked_child_and_a_second_process_are_silent),
        cmocka_unit_test(a_stop_is_told_and_seen),
        cmocka_unit_test(threads_lose_no_call),
        cmocka_unit_test(a_writer_killed_at_any_moment_leaves_a_page_that_is_read),
        cmocka_unit_test(the_next_writer_makes_a_torn_page_whole),
        cmocka_unit_test(without_a_usable_page_nothing_happens),
        cmocka_unit_test(where_to_resume_comes_from_the_environment),
    };

    writer = words;
    print_message("written by %s\n", name);
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    const char *tmp = getenv("TMPDIR");
    int failed;

    (void)snprintf(folder, sizeof(folder), "%s/firstlight-lib-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return 1;
    (void)snprintf(path, sizeof(path), "%s/page", folder);
    (void)setenv("FIRSTLIGHT_PAGE", path, 1);
    (void)setenv("PYTHONPATH", TEST_PYTHONPATH, 1);
    (void)setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    failed = tests_of("firstlight.c", c_writer);
    if (system("python3 -c 'import mmap' 2>/dev/null") == 0) {
        failed += tests_of("firstlight.py", python_writer);
        (void)setenv("TELL_AS_PYTHON_36", "1", 1);
        failed += tests_of("firstlight.py of Python 3.6", python_writer);
    } else {
        print_message("skipped: firstlight.py (no python3)\n");
    }
    (void)unlink(path);
    (void)rmdir(folder);
    return failed != 0;
}
