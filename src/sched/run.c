/* sched/run - the loop of sched_run; see sched.h. */
#include "sched/frame.h"
#include "sched/process.h"
#include "sched/remote.h"
#include "sched/sched.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct run {
    const struct sched_backend *backend;
    const struct sched_job *job;
    struct sched_task *tasks;
    size_t count, next; /* next: the first task without a process */
    struct event_base *base;
    struct event *signals[3];
    struct child *children;
    size_t active, fanout;
    struct frame_reader frames;
    bool starting; /* inside start_more: what ends there does not start more itself */
    int interrupted;
    struct err *err;
};

/* One process and the tasks it serves. */
struct child {
    struct process process;
    struct run *run;
    struct sched_task *tasks;
    size_t count;
    struct arena *arena;
    bool too_much;
    struct child *next;
};

static void start_more(struct run *run);

static void task_over(void *data, struct sched_task *task)
{
    struct run *run = data;

    run->job->over(run->job->data, task);
    buf_done(&task->output);
}

static void fail(struct sched_task *task, enum sched_outcome outcome, const char *sentence)
{
    task->outcome = outcome;
    (void)snprintf(task->sentence, sizeof(task->sentence), "%s", sentence);
}

static bool on_output(struct process *process, struct str bytes)
{
    struct child *child = process->data;
    struct run *run = child->run;
    struct sched_task *task = child->tasks;

    if (run->backend->all_in_one) {
        frame_take(&run->frames, bytes, task_over, run);
        return true;
    }
    if (child->too_much)
        return true;
    if (bytes.len > run->job->output_max - task->output.len) {
        child->too_much = true;
        return false;
    }
    buf_add(&task->output, bytes.p, bytes.len);
    return true;
}

/* In the framed stream's stderr a line "firstlight@HOST: why" is about one host. */
static bool said_of(const struct process *process, const char *host, char *out, size_t space)
{
    struct str text = {process->complaint.p, process->complaint.len}, line;
    size_t len = strlen(host);
    bool found = false;

    while (str_line(&text, &line)) {
        if (!str_starts(line, REMOTE_SAYS "@"))
            continue;
        line = str_skip(line, strlen(REMOTE_SAYS "@"));
        if (line.len > len && !memcmp(line.p, host, len) && line.p[len] == ':') {
            line = str_trim(str_skip(line, len + 1));
            (void)snprintf(out, space, "%.*s", STR_ARG(line));
            found = true;
        }
    }
    return found;
}

static void judge(struct child *child, struct sched_task *task)
{
    struct run *run = child->run;
    const struct process *process = &child->process;
    char why[SCHED_SENTENCE_BYTES];
    const char *own = why;

    process_sentence(process, why, sizeof(why));
    if (str_starts(str_of(why), REMOTE_SAYS ": "))
        own += strlen(REMOTE_SAYS ": ");
    if (run->interrupted) {
        fail(task, SCHED_STOPPED, "not collected: interrupted");
    } else if (child->too_much || task->output.failed) {
        fail(task, SCHED_FAILED,
             task->output.failed ? "no memory for its output"
                                 : "more output than is taken from one host");
    } else if (process->late) {
        double seconds = (double)run->job->timeout_ms / 1000;

        if (task->output.len)
            (void)snprintf(why, sizeof(why), "it stopped in the middle: %zu bytes came within %g s",
                           task->output.len, seconds);
        else
            (void)snprintf(why, sizeof(why), "no answer within %g s", seconds);
        fail(task, SCHED_TIMEOUT, why);
    } else if (run->backend->all_in_one) {
        if (!said_of(process, task->host, why, sizeof(why)) && !why[0])
            (void)snprintf(why, sizeof(why), "it ended in the middle: %zu bytes came",
                           task->output.len);
        fail(task, SCHED_FAILED, why);
    } else if (why[0]) {
        fail(task, SCHED_FAILED, own);
    } else {
        task->outcome = SCHED_DONE;
    }
}

static void free_child(struct run *run, struct child *child)
{
    struct child **link = &run->children;

    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    buf_done(&child->process.complaint);
    arena_free(child->arena);
    free(child);
}

static void on_over(struct process *process)
{
    struct child *child = process->data;
    struct run *run = child->run;

    for (size_t i = 0; i < child->count; i++) {
        if (child->tasks[i].outcome != SCHED_WAITING)
            continue;
        judge(child, &child->tasks[i]);
        task_over(run, &child->tasks[i]);
    }
    free_child(run, child);
    run->active--;
    if (!run->starting)
        start_more(run);
}

static const struct process_watch watch = {on_output, on_over};

/* Returns 0, or a negative errno when no process could be started. */
static int start_child(struct run *run, size_t count)
{
    const struct sched_job *job = run->job;
    struct child *child = calloc(1, sizeof(*child));
    const char *const *words;
    int r;

    if (!child)
        return err_set(run->err, -ENOMEM, "no memory to start a process");
    child->run = run;
    child->tasks = &run->tasks[run->next];
    child->count = count;
    child->arena = arena_new(0);
    child->process.watch = &watch;
    child->process.data = child;
    child->next = run->children;
    run->children = child;
    r = child->arena ? run->backend->words(job, child->arena, child->tasks, count, &words, run->err)
                     : err_set(run->err, -ENOMEM, "no memory to start a process");
    if (r == 0)
        r = process_start(&child->process, run->base, words,
                          (struct str){job->input, job->input_len}, job->timeout_ms, run->err);
    if (r < 0) {
        free_child(run, child);
        return r;
    }
    run->active++;
    run->next += count;
    return 0;
}

static void give_up(struct run *run, enum sched_outcome outcome, const char *sentence, size_t count)
{
    for (size_t end = run->next + count; run->next < end; run->next++) {
        fail(&run->tasks[run->next], outcome, sentence);
        task_over(run, &run->tasks[run->next]);
    }
}

static void start_more(struct run *run)
{
    run->starting = true;
    while (run->next < run->count && run->active < run->fanout) {
        size_t count = run->backend->all_in_one ? run->count : 1;
        int r;

        if (run->interrupted) {
            give_up(run, SCHED_STOPPED, "not collected: interrupted", run->count - run->next);
            break;
        }
        r = start_child(run, count);
        if ((r == -EMFILE || r == -ENFILE || r == -EAGAIN || r == -ENOMEM) && run->active) {
            run->fanout = run->active; /* this host carries no more at a time */
            break;
        }
        if (r < 0) {
            give_up(run, SCHED_FAILED, run->err->text, count);
        }
    }
    run->starting = false;
    if (!run->active)
        (void)event_base_loopbreak(run->base);
}

static void on_signal(evutil_socket_t signo, short what, void *data)
{
    struct run *run = data;

    (void)what;
    if (signo != SIGCHLD)
        run->interrupted = (int)signo;
    for (struct child *child = run->children, *next; child; child = next) {
        next = child->next;
        if (signo == SIGCHLD)
            process_reap(&child->process);
        else
            process_end(&child->process);
    }
}

static int make_signals(struct run *run)
{
    static const int numbers[3] = {SIGCHLD, SIGINT, SIGTERM};

    for (int i = 0; i < 3; i++) {
        run->signals[i] = evsignal_new(run->base, numbers[i], on_signal, run);
        if (!run->signals[i] || event_add(run->signals[i], NULL) < 0)
            return -ENOMEM;
    }
    return 0;
}

int sched_run(const struct sched_backend *backend, const struct sched_job *job,
              struct sched_task *tasks, size_t count, int *interrupted, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    struct err own = {0};
    struct run run = {.backend = backend,
                      .job = job,
                      .tasks = tasks,
                      .count = count,
                      .fanout = job->fanout ? job->fanout : SCHED_FANOUT,
                      .err = err ? err : &own};
    int r;

    *interrupted = 0;
    if (run.fanout > SCHED_FANOUT_MAX)
        run.fanout = SCHED_FANOUT_MAX;
    run.base = event_base_new();
    r = run.base ? frame_init(&run.frames, tasks, count, job->output_max) : -ENOMEM;
    if (r == 0)
        r = make_signals(&run);
    if (r == 0) {
        (void)sigaction(SIGPIPE, &ignore, &old);
        start_more(&run);
        if (run.active)
            (void)event_base_dispatch(run.base);
        (void)sigaction(SIGPIPE, &old, NULL);
        *interrupted = run.interrupted;
    } else {
        err_set(err, r, "no memory to start processes");
    }
    for (int i = 0; i < 3; i++)
        if (run.signals[i])
            event_free(run.signals[i]);
    frame_done(&run.frames);
    if (run.base)
        event_base_free(run.base);
    return r;
}
