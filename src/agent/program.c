#include "agent/program.h"

#include "agent/catalogue.h"
#include "base/clock.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STDERR_BYTES_MAX 4096
/* How long after its end a program's children may hold its output open, and how long after SIGKILL
 * a program may live: one that does not die by then is stuck in the kernel (nvidia-smi on a GPU
 * that fell off the bus), and is left behind. */
#define GRACE_MS 2000
#define TICK_MS  50 /* between looks whether a program ended */

struct running {
    struct program *program; /* NULL: a free place */
    pid_t pid;
    int out, err; /* -1: closed */
    bool reaped, killed, cut;
    int wait_status;
    int64_t started_ms, ended_ms; /* ended: reaped or killed */
    struct buf output, complaint;
};

static const char *try_folder(struct arena *arena, struct str folder, const char *name)
{
    const char *path = arena_printf(arena, "%.*s/%s", STR_ARG(folder), name);

    return path && access(path, X_OK) == 0 ? path : NULL;
}

const char *program_find(struct arena *arena, const char *name)
{
    const char *env = getenv("PATH"), *found;
    struct str rest = env ? str_of(env) : (struct str){0}, folder;

    while (str_cut(&rest, ':', &folder))
        if (folder.len && folder.p[0] == '/' && (found = try_folder(arena, folder, name)))
            return found;
    for (size_t i = 0; i < catalogue_path_count; i++)
        if ((found = try_folder(arena, str_of(catalogue_path[i]), name)))
            return found;
    return NULL;
}

/* PATH with the usual folders behind it, so that scripts among the commands find theirs. */
static char **make_environment(struct arena *arena)
{
    static const char *const fixed[] = {
        "LC_ALL=C", "LANG=C", "TERM=dumb", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=cat", "PAGER=cat"};
    static const char *const kept[] = {"HOME", "LD_LIBRARY_PATH", "USER"};
    char **env = arena_alloc(arena, (ARRAY_LEN(fixed) + ARRAY_LEN(kept) + 2) * sizeof(*env));
    const char *own = getenv("PATH");
    struct buf path = {0};
    size_t n = 0;

    if (!env)
        return NULL;
    buf_printf(&path, "PATH=%s", own ? own : "");
    for (size_t i = 0; i < catalogue_path_count; i++)
        buf_printf(&path, "%s%s", i || (own && *own) ? ":" : "", catalogue_path[i]);
    env[n++] = path.failed ? NULL : arena_copy(arena, path.p, path.len);
    buf_done(&path);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        env[n++] = arena_copy(arena, fixed[i], strlen(fixed[i]));
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (getenv(kept[i]))
            env[n++] = arena_printf(arena, "%s=%s", kept[i], getenv(kept[i]));
    for (size_t i = 0; i < n; i++)
        if (!env[i])
            return NULL;
    return env;
}

static int open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK); /* our end only */
    return 0;
}

static void close_all(int ends[2])
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
}

static int start(struct arena *arena, struct running *run, struct program *program, char **env)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    int r = open_pipe(out);

    if (r == 0)
        r = open_pipe(err);
    if (r == 0) {
        *run = (struct running){.out = -1, .err = -1, .started_ms = clock_now_ms()};
        r = spawn_group(program->path, program->words, env, (const int[]){-1, out[1], err[1]},
                        &run->pid);
        if (r < 0) { /* the program's fault: a bad executable */
            program->status = r == -EACCES ? MANIFEST_DENIED : MANIFEST_FAILED;
            program->error = arena_printf(arena, "cannot start: %s", strerror(-r));
            close_all(out);
            close_all(err);
            return 0;
        }
    }
    if (r < 0) {
        close_all(out);
        close_all(err);
        return r;
    }
    (void)close(out[1]);
    (void)close(err[1]);
    run->out = out[0];
    run->err = err[0];
    run->program = program;
    return 0;
}

/* Take what is there. What goes past `bytes_max` is read and dropped, so that the program may end.
 */
static void drain(int *fd, struct buf *to, size_t bytes_max, bool *cut)
{
    char chunk[65536];

    while (*fd >= 0) {
        ssize_t got = read(*fd, chunk, sizeof(chunk));
        size_t room = bytes_max > to->len ? bytes_max - to->len : 0;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            (void)close(*fd);
            *fd = -1;
            return;
        }
        if ((size_t)got > room)
            *cut = true;
        buf_add(to, chunk, (size_t)got < room ? (size_t)got : room);
        /* One chunk a round: a program that writes without end must not keep us from the clock. */
        return;
    }
}

/* The first line of what it said on stderr, for the sentence. */
static struct str first_complaint(const struct running *run)
{
    struct str rest = {run->complaint.p, run->complaint.len}, line;

    while (str_line(&rest, &line)) {
        line = str_trim(line);
        if (line.len)
            return line.len > 200 ? (struct str){line.p, 200} : line;
    }
    return (struct str){0};
}

static void judge(struct arena *arena, struct running *run)
{
    struct program *program = run->program;
    struct str said = first_complaint(run);
    const char *colon = said.len ? ": " : "";
    int status = run->wait_status;

    program->ms = run->ended_ms - run->started_ms;
    if (run->killed) {
        program->status = MANIFEST_TIMEOUT;
        program->exit_status = -SIGKILL;
        program->error = arena_printf(
            arena, "ended after %.1f s without an answer%s; %zu bytes were not kept",
            (double)program->ms / 1000,
            run->reaped ? "" : " and does not die, it is stuck in the kernel", run->output.len);
        return;
    }
    if (WIFSIGNALED(status)) {
        program->status = MANIFEST_FAILED;
        program->exit_status = -WTERMSIG(status);
        program->error = arena_printf(arena, "died of signal %d (%s)%s%.*s", WTERMSIG(status),
                                      strsignal(WTERMSIG(status)), colon, STR_ARG(said));
        return;
    }
    program->exit_status = WEXITSTATUS(status);
    program->output.p = arena_copy(arena, run->output.p ? run->output.p : "", run->output.len);
    program->output.len = run->output.len;
    if (!program->output.p || run->output.failed) {
        program->output = (struct str){0};
        program->status = MANIFEST_FAILED;
        program->error = "no memory for its output";
        return;
    }
    if (run->cut) {
        program->status = MANIFEST_CUT;
        program->error = arena_printf(arena, "more than %zu MiB of output", run->output.len >> 20);
    } else if (program->exit_status == 0 ||
               (program->exit_status < 32 && program->exits_well >> program->exit_status & 1)) {
        program->status = MANIFEST_OK;
    } else {
        bool denied = str_find(said, "ermission denied") >= 0 ||
                      str_find(said, "not permitted") >= 0 || str_find(said, "root") >= 0;

        program->status = denied ? MANIFEST_DENIED : MANIFEST_FAILED;
        program->error =
            arena_printf(arena, "exit status %d%s%.*s", program->exit_status, colon, STR_ARG(said));
    }
}

static void finish(struct arena *arena, struct running *run)
{
    judge(arena, run);
    if (run->out >= 0)
        (void)close(run->out);
    if (run->err >= 0)
        (void)close(run->err);
    buf_done(&run->output);
    buf_done(&run->complaint);
    run->program = NULL;
}

static void kill_group(struct running *run)
{
    (void)kill(-run->pid, SIGKILL);
}

/* Look after one program; finishes it when it is over. */
static void look(struct arena *arena, struct running *run, const struct program_limits *limits,
                 bool all_over)
{
    bool no_cut = false;
    int64_t now;

    drain(&run->out, &run->output, limits->bytes_max, &run->cut);
    drain(&run->err, &run->complaint, STDERR_BYTES_MAX, &no_cut);
    now = clock_now_ms();
    if (!run->reaped) {
        pid_t pid = waitpid(run->pid, &run->wait_status, WNOHANG);

        if (pid == run->pid || (pid < 0 && errno == ECHILD)) {
            run->reaped = true;
            if (!run->killed)
                run->ended_ms = now;
        }
    }
    if (!run->reaped && !run->killed && (all_over || now - run->started_ms >= limits->timeout_ms)) {
        kill_group(run);
        run->killed = true;
        run->ended_ms = now;
    }
    if (run->reaped && (run->killed || (run->out < 0 && run->err < 0))) {
        if (run->killed)
            kill_group(run); /* what it started meanwhile */
        finish(arena, run);
    } else if ((run->reaped || run->killed) && now - run->ended_ms > GRACE_MS) {
        kill_group(run);
        finish(arena, run);
    }
}

static void wait_for_output(struct running *runs, unsigned count)
{
    struct pollfd fds[2 * PROGRAMS_AT_A_TIME_MAX];
    nfds_t n = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!runs[i].program)
            continue;
        if (runs[i].out >= 0)
            fds[n++] = (struct pollfd){runs[i].out, POLLIN, 0};
        if (runs[i].err >= 0)
            fds[n++] = (struct pollfd){runs[i].err, POLLIN, 0};
    }
    (void)poll(fds, n, n ? TICK_MS : 5);
}

int program_run_all(struct arena *arena, struct program *programs, size_t count,
                    const struct program_limits *limits, struct err *err)
{
    struct running runs[PROGRAMS_AT_A_TIME_MAX] = {0};
    unsigned places =
        limits->at_a_time < PROGRAMS_AT_A_TIME_MAX ? limits->at_a_time : PROGRAMS_AT_A_TIME_MAX;
    char **env = make_environment(arena);
    int64_t started_ms = clock_now_ms();
    size_t next = 0, active;
    bool all_over;
    int r = 0;

    if (!env || places == 0)
        return err_set(err, -ENOMEM, "no memory to run commands");
    do {
        active = 0;
        all_over = limits->total_ms && clock_now_ms() - started_ms >= limits->total_ms;
        for (; all_over && next < count; next++) {
            programs[next].status = MANIFEST_TIMEOUT;
            programs[next].error = "not run: the time for all commands was over";
        }
        for (unsigned i = 0; i < places; i++) {
            while (!runs[i].program && next < count && r == 0)
                r = start(arena, &runs[i], &programs[next++], env);
            if (runs[i].program)
                look(arena, &runs[i], limits, all_over);
            active += runs[i].program != NULL;
        }
        if (active)
            wait_for_output(runs, places);
    } while (active || (next < count && r == 0));
    if (r < 0)
        return err_set(err, r, "cannot run commands: %s", strerror(-r));
    return 0;
}
