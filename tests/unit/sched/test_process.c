#include "sched/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

struct seen {
    struct buf output;
    int over;
};

static bool on_output(struct process *process, struct str bytes)
{
    struct seen *seen = process->data;

    buf_add(&seen->output, bytes.p, bytes.len);
    return true;
}

static void on_over(struct process *process)
{
    struct seen *seen = process->data;

    seen->over++;
}

static const struct process_watch watch = {on_output, on_over};

/* libevent takes few events a round, and the owner's disk may be slow: a child's end was seen and
 * its time to hand over its output was gone before anybody had looked at that output. */
static void output_that_was_not_looked_at_in_time_is_not_lost(void **state)
{
    const char *words[] = {"sh", "-c", "echo said; echo why >&2; exit 1", NULL};
    struct event_base *base = event_base_new();
    struct seen seen = {0};
    struct process process = {.watch = &watch, .data = &seen};
    siginfo_t info;
    char why[64];

    (void)state;
    assert_int_equal(process_start(&process, base, words, (struct str){0}, 0, NULL), 0);
    (void)event_del(process.events[1]); /* its turn does not come */
    (void)event_del(process.events[2]);
    assert_int_equal(waitid(P_PID, (id_t)process.pid, &info, WEXITED | WNOWAIT), 0);
    process_reap(&process);
    assert_int_equal(seen.over, 0);
    (void)event_base_dispatch(base);
    assert_int_equal(seen.over, 1);
    assert_string_equal(seen.output.p, "said\n");
    process_sentence(&process, why, sizeof(why));
    assert_string_equal(why, "why");
    buf_done(&seen.output);
    buf_done(&process.complaint);
    event_base_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_that_was_not_looked_at_in_time_is_not_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
