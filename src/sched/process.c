#include "sched/process.h"

#include "base/spawn.h"
#include "sched/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between SIGTERM, SIGKILL and giving up; and how long after its end a child's own children may
 * hold its output open. srun needs a while to end its tasks. */
#define GRACE_MS   3000
#define READ_BYTES 65536
#define PIPE_READS 32 /* a pipe holds at most 1 MiB, and reading may be short */

extern char **environ;

static void set_timer(struct process *process, int64_t ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};

    (void)event_add(process->timer, &t);
}

static void close_end(struct process *process, int i)
{
    if (process->events[i])
        event_free(process->events[i]);
    process->events[i] = NULL;
    if (process->fds[i] >= 0)
        (void)close(process->fds[i]);
    process->fds[i] = -1;
}

static void close_all(struct process *process)
{
    for (int i = 0; i < 3; i++)
        close_end(process, i);
    if (process->timer)
        event_free(process->timer);
    process->timer = NULL;
}

static void finish(struct process *process)
{
    close_all(process);
    process->watch->over(process);
}

static void finish_if_over(struct process *process)
{
    if (process->reaped && process->fds[1] < 0 && process->fds[2] < 0)
        finish(process);
}

static void signal_group(const struct process *process, int signo)
{
    (void)kill(-process->pid, signo);
}

int process_give(struct process *process, struct str more)
{
    if (process->fds[0] < 0)
        return -EPIPE;
    if (process->input_left)
        return -EAGAIN;
    process->input = more.p;
    process->input_left = more.len;
    return event_add(process->events[0], NULL) < 0 ? -ENOMEM : 0;
}

void process_relax(struct process *process)
{
    if (process->timer && process->state == PROCESS_RUNNING && !process->reaped)
        (void)event_del(process->timer);
}

void process_leave(struct process *process)
{
    close_all(process);
}

void process_end(struct process *process)
{
    if (process->state != PROCESS_RUNNING)
        return;
    process->state = PROCESS_TERMINATED;
    signal_group(process, SIGTERM);
    set_timer(process, GRACE_MS);
}

void process_kill(struct process *process)
{
    process->state = PROCESS_KILLED;
    signal_group(process, SIGKILL);
    set_timer(process, GRACE_MS);
}

/* Each reads once; at the end of the stream it closes our end. */
static void read_output(struct process *process)
{
    char bytes[READ_BYTES];
    ssize_t got = read(process->fds[1], bytes, sizeof(bytes));

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0)
        close_end(process, 1);
    else if (!process->watch->output(process, (struct str){bytes, (size_t)got}))
        process_end(process);
}

static void read_complaint(struct process *process)
{
    struct buf *text = &process->complaint;
    char bytes[4096];
    ssize_t got = read(process->fds[2], bytes, sizeof(bytes));

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        close_end(process, 2);
        return;
    }
    if (text->len > SCHED_STDERR_MAX) { /* the end says why; keep half of what was */
        size_t half = SCHED_STDERR_MAX / 2;

        memmove(text->p, text->p + text->len - half, half);
        text->len = half;
    }
    buf_add(text, bytes, (size_t)got);
}

/* Take what lies in its pipes, at most what they hold: a loop that was busy may come here before it
 * came there. */
static void drain(struct process *process)
{
    for (int i = 0; i < PIPE_READS && process->fds[1] >= 0; i++)
        read_output(process);
    for (int i = 0; i < PIPE_READS && process->fds[2] >= 0; i++)
        read_complaint(process);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct process *process = data;

    (void)fd;
    (void)what;
    if (process->reaped) { /* somebody still holds its output open, or we were busy */
        drain(process);
        signal_group(process, SIGKILL);
        finish(process);
        return;
    }
    switch (process->state) {
    case PROCESS_RUNNING:
        process->late = true;
        process_end(process);
        break;
    case PROCESS_TERMINATED:
        process->state = PROCESS_KILLED;
        signal_group(process, SIGKILL);
        set_timer(process, GRACE_MS);
        break;
    case PROCESS_KILLED:
        finish(process);
        break;
    }
}

static void on_input(evutil_socket_t fd, short what, void *data)
{
    struct process *process = data;
    ssize_t put = 0;

    (void)what;
    if (process->input_left)
        put = write(fd, process->input, process->input_left);
    if (put < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (put > 0) {
        process->input += put;
        process->input_left -= (size_t)put;
    }
    if (put >= 0 && process->input_left == 0 && process->stdin_is_kept)
        (void)event_del(process->events[0]);
    else if (put < 0 || process->input_left == 0)
        close_end(process, 0); /* it does not want more, or has all */
}

static void on_output(evutil_socket_t fd, short what, void *data)
{
    struct process *process = data;

    (void)fd;
    (void)what;
    read_output(process);
    finish_if_over(process);
}

static void on_complaint(evutil_socket_t fd, short what, void *data)
{
    struct process *process = data;

    (void)fd;
    (void)what;
    read_complaint(process);
    finish_if_over(process);
}

void process_reap(struct process *process)
{
    pid_t pid;

    if (process->reaped)
        return;
    pid = waitpid(process->pid, &process->wait_status, WNOHANG);
    if (pid != process->pid && !(pid < 0 && errno == ECHILD))
        return;
    process->reaped = true;
    set_timer(process, GRACE_MS / 3);
    finish_if_over(process);
}

static int make_events(struct process *process, struct event_base *base)
{
    static const event_callback_fn on[3] = {on_input, on_output, on_complaint};

    process->timer = event_new(base, -1, 0, on_timer, process);
    if (!process->timer)
        return -ENOMEM;
    for (int i = 0; i < 3; i++) {
        short what = (short)((i == 0 ? EV_WRITE : EV_READ) | EV_PERSIST);

        (void)evutil_make_socket_nonblocking(process->fds[i]);
        process->events[i] = event_new(base, process->fds[i], what, on[i], process);
        if (!process->events[i] || event_add(process->events[i], NULL) < 0)
            return -ENOMEM;
    }
    return 0;
}

int process_start(struct process *process, struct event_base *base, const char *const *words,
                  struct str input, int64_t timeout_ms, struct err *err)
{
    int theirs[3] = {-1, -1, -1}, r = 0;

    process->input = input.p;
    process->input_left = input.len;
    for (int i = 0; i < 3; i++)
        process->fds[i] = -1;
    for (int i = 0; i < 3 && r == 0; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0) {
            r = -errno;
        } else {
            process->fds[i] = i == 0 ? ends[1] : ends[0];
            theirs[i] = i == 0 ? ends[0] : ends[1];
        }
    }
    if (r == 0)
        r = make_events(process, base);
    if (r == 0)
        r = spawn_group(words[0], words, environ, theirs, &process->pid);
    for (int i = 0; i < 3; i++)
        if (theirs[i] >= 0)
            (void)close(theirs[i]);
    if (r < 0) {
        close_all(process);
        return err_set(err, r, "cannot start %s: %s", words[0], strerror(-r));
    }
    if (timeout_ms > 0)
        set_timer(process, timeout_ms);
    return 0;
}

static struct str last_line(struct str text)
{
    struct str line, last = {0};

    while (str_line(&text, &line)) {
        line = str_trim(line);
        if (line.len)
            last = line;
    }
    return last;
}

void process_sentence(const struct process *process, char *out, size_t space)
{
    struct str said = last_line((struct str){process->complaint.p, process->complaint.len});
    int status = process->wait_status;

    out[0] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    if (said.len)
        (void)snprintf(out, space, "%.*s", STR_ARG(said));
    else if (WIFSIGNALED(status))
        (void)snprintf(out, space, "it died of signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, space, "it ended with exit status %d and without a word",
                       WEXITSTATUS(status));
    /* A host's words go to our user's terminal. */
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
}
