/* victim WORD...: a process that behaves badly, for tests of what ends processes.
 *
 * Each word is done in turn. Every process that lives on writes one byte to the descriptor in
 * VICTIM_FD, when there is one, and keeps it: its reader sees who has started, and by its end that
 * all are gone. A bound on its life ends what a failed test left. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LIFE_S 120

static void say_ready(void)
{
    const char *fd = getenv("VICTIM_FD");

    (void)alarm(LIFE_S);
    if (fd)
        (void)!write(atoi(fd), "x", 1);
}

/* A fork that fails ends the victim with a word, or a test would wait for what never comes. */
static pid_t split(void)
{
    pid_t pid = fork();

    if (pid < 0) {
        perror("victim: fork");
        _exit(1);
    }
    return pid;
}

static void sleep_on(void)
{
    say_ready();
    for (;;)
        (void)pause();
}

/* child: a child that sleeps; deep: a child of a child of a child */
static void child(void)
{
    if (split() == 0)
        sleep_on();
}

static void deep(void)
{
    for (int i = 0; i < 3; i++) {
        if (split() > 0) {
            if (i)
                sleep_on();
            return;
        }
    }
    sleep_on();
}

static void session(void)
{
    if (split() == 0) {
        (void)setsid();
        sleep_on();
    }
}

static void a_daemon(void)
{
    if (split() == 0) {
        (void)setsid();
        if (split() == 0) {
            (void)setsid();
            sleep_on();
        }
        _exit(0);
    }
}

static void ignore(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

/* Runs away: a chain of children in sessions of their own, whose parents end at once. Bounded, as
 * nobody reaps what a failed test leaves. */
static void runner(void)
{
    if (split() > 0)
        return;
    say_ready();
    for (int i = 0; i < 2000; i++) {
        if (split() > 0)
            _exit(0);
        (void)setsid();
        (void)usleep(1000);
        (void)alarm(LIFE_S);
    }
    _exit(0);
}

static void leave_quietly(void)
{
    exit(0);
}

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
}

static void complain(void)
{
    (void)fprintf(stderr, "Traceback:\nValueError: boom\n");
    exit(3);
}

/* As many lines as fit into VICTIM_BYTES, as fast as it goes. */
static void print(void)
{
    const char *bytes = getenv("VICTIM_BYTES");
    long left = bytes ? atol(bytes) : 0;
    static char block[1 << 16];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
    while (left > 0) {
        ssize_t n = write(1, block, left < (long)sizeof(block) ? (size_t)left : sizeof(block));

        if (n < 0 && errno != EINTR)
            exit(1);
        left -= n > 0 ? n : 0;
    }
}

/* Writes a message as torchelastic's @record does. */
static void error_file(void)
{
    const char *path = getenv("TORCHELASTIC_ERROR_FILE");
    FILE *file = path ? fopen(path, "w") : NULL;

    if (!file)
        exit(2);
    (void)fprintf(file, "{\"message\":{\"message\":\"ValueError: boom\",\"extraInfo\":{}}}");
    (void)fclose(file);
    exit(1);
}

static const struct {
    const char *word;
    void (*act)(void);
} acts[] = {
    {"child", child},   {"deep", deep},         {"session", session}, {"daemon", a_daemon},
    {"ignore", ignore}, {"runner", runner},     {"sleep", sleep_on},  {"exit", leave_quietly},
    {"die", die},       {"complain", complain}, {"print", print},     {"error_file", error_file},
};

int main(int argc, char **argv)
{
    (void)alarm(LIFE_S);
    for (int i = 1; i < argc; i++) {
        size_t known = sizeof(acts) / sizeof(*acts), at = 0;

        while (at < known && strcmp(argv[i], acts[at].word) != 0)
            at++;
        if (at == known) {
            (void)fprintf(stderr, "victim: what is %s?\n", argv[i]);
            return 2;
        }
        acts[at].act();
    }
    return 0;
}
