#include "cli/slurm_follow.h"

#include "base/clock.h"
#include "cli/commands.h"
#include "sched/slurm_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS      100   /* between looks at the output */
#define ASK_FIRST_MS 1000  /* between questions to Slurm, which serves everybody: */
#define ASK_LAST_MS  10000 /* fewer as the job grows old */
#define READ_BYTES   65536

struct follower {
    const char *job;
    int fd; /* of its output; -1: not there yet */
    char state[32], reason[64], complaint[ERR_TEXT_MAX];
    bool ended;
    int code;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

/* Each change once: "Slurm job 17: pending (Resources)". */
static void say_state(struct follower *f, const struct slurm_job *job)
{
    char state[sizeof(f->state)], reason[sizeof(f->reason)];

    (void)snprintf(state, sizeof(state), "%.*s", STR_ARG(job->state));
    (void)snprintf(reason, sizeof(reason), "%.*s", STR_ARG(job->reason));
    for (char *p = state; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
    if (!strcmp(state, f->state) && !strcmp(reason, f->reason))
        return;
    if (strcmp(state, "completed") != 0)
        (void)fprintf(stderr, "Slurm job %s: %s%s%s%s\n", f->job, state, *reason ? " (" : "",
                      reason, *reason ? ")" : "");
    memcpy(f->state, state, sizeof(state));
    memcpy(f->reason, reason, sizeof(reason));
}

static void take(struct follower *f, const struct slurm_job *job)
{
    say_state(f, job);
    if (f->fd < 0 && job->output)
        f->fd = open(job->output, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    f->ended = slurm_job_ended(job);
    f->code = job->exit_code                    ? job->exit_code
              : str_is(job->state, "COMPLETED") ? EXIT_WELL
                                                : EXIT_FINDINGS;
}

/* A controller of Slurm's that is down for a while is asked again; one that has forgotten the job
 * can't tell more. */
static void ask(struct follower *f)
{
    struct arena *arena = arena_new(0);
    struct slurm_job job;
    struct err err = {0};
    int r = arena ? slurm_job_ask(arena, f->job, &job, &err) : -ENOMEM;

    if (r == 0) {
        take(f, &job);
        f->complaint[0] = '\0';
    } else if (strstr(err.text, "Invalid job id")) {
        f->ended = true;
        f->code = EXIT_TROUBLE;
        (void)fprintf(stderr, "Slurm no longer knows job %s\n", f->job);
    } else if (strcmp(f->complaint, err.text) != 0) {
        (void)snprintf(f->complaint, sizeof(f->complaint), "%s", err.text);
        (void)fprintf(stderr, "Slurm job %s: %s\n", f->job, err.text);
    }
    arena_free(arena);
}

static void show(struct follower *f)
{
    char bytes[READ_BYTES];
    ssize_t got;

    while (f->fd >= 0 && !interrupted && (got = read(f->fd, bytes, sizeof(bytes))) > 0)
        (void)fwrite(bytes, 1, (size_t)got, stdout);
    (void)fflush(stdout);
}

int slurm_follow(const char *job)
{
    const struct sigaction leave = {.sa_handler = on_interrupt}; /* ends a wait */
    struct follower f = {.job = job, .fd = -1};
    int64_t ask_ms = ASK_FIRST_MS, asked = clock_now_ms() - ask_ms;

    (void)sigaction(SIGINT, &leave, NULL);
    while (!f.ended && !interrupted) {
        if (clock_now_ms() - asked >= ask_ms) {
            ask(&f);
            asked = clock_now_ms();
            ask_ms = ask_ms * 9 / 8 < ASK_LAST_MS ? ask_ms * 9 / 8 : ASK_LAST_MS;
        }
        show(&f);
        if (!f.ended)
            (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    if (f.fd >= 0)
        (void)close(f.fd);
    if (!interrupted)
        return f.code;
    (void)fprintf(stderr, "Slurm job %s goes on without you; 'scancel %s' ends it\n", job, job);
    return EXIT_WELL;
}
