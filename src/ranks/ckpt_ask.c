#include "ranks/ckpt_ask.h"
#include "job/job.h"
#include "progress/ckpt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES 65536

struct ckpt_ask {
    void (*done)(void *data, const struct msg_checkpoint *answer);
    void *data;
    struct event *readable; /* with the time limit */
    struct buf answer;
    uint32_t attempt;
    pid_t pid;
    int fd;
};

/* The job's variables before the agent's: the first of a name counts. */
static const char *const *check_env(struct arena *arena, const struct job *job)
{
    size_t count = 0;
    const char **env;

    while (environ[count])
        count++;
    env = arena_alloc(arena, (job->env.count + count + 1) * sizeof(*env));
    if (!env)
        return NULL;
    if (job->env.count)
        memcpy(env, job->env.items, job->env.count * sizeof(*env));
    memcpy(env + job->env.count, environ, count * sizeof(*env));
    return env;
}

static int find(struct arena *arena, const struct msg_find_checkpoint *ask,
                struct ckpt_found *found, struct err *err)
{
    struct ckpt_rule rule;
    struct job job;
    int r;

    job_init(&job);
    r = job_read(arena, ask->job, "the job", &job, err);
    if (r < 0)
        return r;
    rule = (struct ckpt_rule){.pattern = job.checkpoint,
                              .complete_when = job.complete_when,
                              .cwd = job.cwd,
                              .env = check_env(arena, &job),
                              .quarantine = true};
    return rule.env ? ckpt_find(arena, &rule, found, err)
                    : err_set(err, -ENOMEM, "no memory to look for checkpoints");
}

static void fill(struct arena *arena, const struct ckpt_found *found, struct msg_checkpoint *answer)
{
    struct str *moved = arena_alloc(arena, found->moved_count * sizeof(*moved) + 1);

    answer->path = str_of(found->path ? found->path : "");
    answer->step = found->path ? found->step : -1;
    for (size_t i = 0; moved && i < found->moved_count; i++) {
        const struct ckpt_moved *one = &found->moved[i];
        const char *text = arena_printf(arena, "%s -> %s (%s)", one->from, one->to, one->why);

        moved[i] = str_of(text ? text : one->from);
    }
    if (moved)
        answer->quarantined = (struct text_list){moved, (uint32_t)found->moved_count};
}

/* The child: what it found goes up the pipe as the message that the controller will get. */
static _Noreturn void look(const struct msg_find_checkpoint *ask, int fd)
{
    struct arena *arena = arena_new(0);
    struct message message = {.id = MSG_CHECKPOINT,
                              .checkpoint = {.attempt = ask->attempt, .step = -1}};
    struct ckpt_found found = {0};
    struct err err = {0};
    struct buf bytes = {0};

    if (!arena || find(arena, ask, &found, &err) < 0)
        message.checkpoint.complaint = str_of(arena ? err.text : "no memory");
    else
        fill(arena, &found, &message.checkpoint);
    message_encode(&message, &bytes);
    for (size_t done = 0; !bytes.failed && done < bytes.len;) {
        ssize_t put = write(fd, bytes.p + done, bytes.len - done);

        if (put < 0 && errno != EINTR)
            break;
        done += put > 0 ? (size_t)put : 0;
    }
    _exit(bytes.failed ? 1 : 0);
}

static void end_child(struct ckpt_ask *ask)
{
    if (!ask->pid)
        return;
    (void)kill(-ask->pid, SIGKILL); /* its commands, too */
    (void)kill(ask->pid, SIGKILL);
    while (waitpid(ask->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    ask->pid = 0;
}

static void finish(struct ckpt_ask *ask, const char *complaint)
{
    struct arena *arena = arena_new(0);
    struct message message = {0};
    struct err err = {0};

    (void)event_del(ask->readable);
    end_child(ask);
    if (!complaint && (!arena || ask->answer.failed))
        complaint = "no memory for the answer about checkpoints";
    if (!complaint &&
        (message_decode(arena, (struct str){ask->answer.p, ask->answer.len}, &message, &err) < 0 ||
         message.id != MSG_CHECKPOINT))
        complaint = "the search for checkpoints died";
    if (complaint)
        message.checkpoint = (struct msg_checkpoint){
            .attempt = ask->attempt, .step = -1, .complaint = str_of(complaint)};
    ask->done(ask->data, &message.checkpoint); /* frees us, when it has no more use for the texts */
    arena_free(arena);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct ckpt_ask *ask = data;
    char bytes[READ_BYTES];
    ssize_t got;

    if (what & EV_TIMEOUT) {
        finish(ask, "the search for checkpoints took longer than 300 s");
        return;
    }
    got = read(fd, bytes, sizeof(bytes));
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got > 0 && ask->answer.len + (size_t)got <= WIRE_MESSAGE_BYTES_MAX)
        buf_add(&ask->answer, bytes, (size_t)got);
    else
        finish(ask, got > 0 ? "the answer about checkpoints is too long" : NULL);
}

static int start_child(struct ckpt_ask *ask, const struct msg_find_checkpoint *find_ask,
                       struct err *err)
{
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, -errno, "no pipe to look for checkpoints: %s", strerror(errno));
    ask->fd = ends[0];
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ask->pid = fork();
    if (ask->pid == 0) {
        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGTERM, SIG_DFL); /* the loop's handlers are not ours */
        (void)signal(SIGCHLD, SIG_DFL);
        if (getppid() == parent)
            look(find_ask, ends[1]);
        _exit(1);
    }
    (void)close(ends[1]);
    if (ask->pid < 0) {
        ask->pid = 0;
        return err_set(err, -errno, "no process to look for checkpoints: %s", strerror(errno));
    }
    (void)setpgid(ask->pid, ask->pid);
    return 0;
}

struct ckpt_ask *ckpt_ask_start(struct event_base *base, const struct msg_find_checkpoint *find_ask,
                                void (*done)(void *data, const struct msg_checkpoint *answer),
                                void *data, struct err *err)
{
    struct timeval limit = {CKPT_ASK_MS / 1000, 0};
    struct ckpt_ask *ask = calloc(1, sizeof(*ask));

    if (!ask) {
        (void)err_set(err, -ENOMEM, "no memory to look for checkpoints");
        return NULL;
    }
    ask->fd = -1;
    ask->attempt = find_ask->attempt;
    ask->done = done;
    ask->data = data;
    if (start_child(ask, find_ask, err) == 0) {
        ask->readable = event_new(base, ask->fd, EV_READ | EV_PERSIST, on_readable, ask);
        if (ask->readable && event_add(ask->readable, &limit) == 0)
            return ask;
        (void)err_set(err, -ENOMEM, "no memory to look for checkpoints");
    }
    ckpt_ask_free(ask);
    return NULL;
}

void ckpt_ask_free(struct ckpt_ask *ask)
{
    if (!ask)
        return;
    end_child(ask);
    if (ask->readable)
        event_free(ask->readable);
    if (ask->fd >= 0)
        (void)close(ask->fd);
    buf_done(&ask->answer);
    free(ask);
}

pid_t ckpt_ask_pid(const struct ckpt_ask *ask)
{
    return ask ? ask->pid : 0;
}
