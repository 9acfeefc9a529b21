/* A training program's calls of libfirstlight, one scenario a run; tell.py does the same in Python.
 */
#include "firstlight.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREAD_CALLS 20000

static void tell_all(void)
{
    firstlight_phase(FIRSTLIGHT_INIT);
    firstlight_step(3, 10, 2.5, 100);
    firstlight_step(4, 10, 2.25, 28);
    firstlight_checkpoint_saved("step_4", 4);
    firstlight_phase(FIRSTLIGHT_EVAL);
}

static void tell_least(void)
{
    firstlight_step(1, -1, FIRSTLIGHT_NO_LOSS, -1);
}

/* A forked child is silent; its parent goes on. */
static void tell_forked(void)
{
    pid_t pid;

    firstlight_step(5, 10, 1.0, -1);
    pid = fork();
    if (pid == 0) {
        firstlight_step(99, 99, 99.0, 99);
        _exit(firstlight_init() || firstlight_should_stop());
    }
    if (waitpid(pid, &(int){0}, 0) != pid)
        abort();
    firstlight_step(6, 10, 1.0, -1);
}

/* All fields of an update say the same number, so that a mixed copy shows. */
static void tell_forever(void)
{
    char path[2000];

    for (int64_t n = 1;; n++) {
        memset(path, 'a' + (int)(n % 26), sizeof(path) - 1);
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        firstlight_step(n, n, (double)n, 1);
        firstlight_checkpoint_saved(path, n % 26);
    }
}

static void tell_until_stop(void)
{
    enum firstlight_stop stop;

    for (int64_t n = 1; (stop = firstlight_should_stop()) != FIRSTLIGHT_SAVE_AND_LEAVE; n++) {
        firstlight_step(n, -1, FIRSTLIGHT_NO_LOSS, -1);
        if (stop == FIRSTLIGHT_SAVE_AND_GO_ON)
            firstlight_checkpoint_saved("/saved", n);
    }
    firstlight_phase(FIRSTLIGHT_DONE);
}

static void *save_many(void *unused)
{
    for (int i = 1; i <= THREAD_CALLS; i++)
        firstlight_checkpoint_saved("/saved/by/a/thread", i);
    return unused;
}

static void tell_from_threads(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, save_many, NULL) != 0)
        abort();
    for (int i = 1; i <= THREAD_CALLS; i++)
        firstlight_step(i, THREAD_CALLS, 1.0, 2);
    if (pthread_join(thread, NULL) != 0)
        abort();
}

static void print_resume(void)
{
    const char *path = firstlight_resume_path();

    (void)puts(path ? path : "none");
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_times(void)
{
    const int calls = 10000000;
    double from = seconds(), middle;

    for (int i = 0; i < calls; i++)
        firstlight_step(i, calls, 1.0, 1);
    middle = seconds();
    for (int i = 0; i < calls; i++)
        (void)firstlight_should_stop();
    (void)printf("step %.1f ns, should_stop %.1f ns\n", (middle - from) / calls * 1e9,
                 (seconds() - middle) / calls * 1e9);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"all", tell_all},         {"least", tell_least},           {"forked", tell_forked},
    {"forever", tell_forever}, {"until-stop", tell_until_stop}, {"threads", tell_from_threads},
    {"resume", print_resume},  {"times", print_times},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        if (strcmp(argv[1], scenarios[i].name) == 0) {
            scenarios[i].run();
            return 0;
        }
    return 2;
}
