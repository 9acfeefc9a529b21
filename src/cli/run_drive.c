#include "cli/run_drive.h"

#include "cli/front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESTARTS_MAX 5   /* of a controller that is killed again within... */
#define RESTART_S    600 /* ...so many seconds */

/* Whoever started us waits for one byte: the controller listens. */
static void say_ready(int fd)
{
    if (fd >= 0 && write(fd, "+", 1) == 1)
        (void)close(fd);
}

/* A controller that follows another reads what that one listened on, and with which key. */
static int read_again(struct arena *arena, const struct run_ready *ready, struct saved *saved,
                      struct err *err)
{
    const char *run_dir = store_run_dir(arena, ready->dir, ready->run);

    return run_dir ? saved_read(arena, run_dir, saved, err)
                   : err_set(err, -ENOMEM, "no memory for the run");
}

static int drive(const struct run_drive *run, bool resumed, int ready_fd)
{
    const struct run_ready *ready = run->ready;
    struct arena *arena = arena_new(0);
    struct saved saved = ready->saved;
    struct driver_config config = {
        .dir = ready->dir, .run = ready->run, .ends_at_s = ready->ends_at_s, .resumed = resumed};
    const struct front_options options = {.run = ready->run,
                                          .job = &ready->saved.job,
                                          .plan = resumed ? NULL : ready->plan,
                                          .quiet = run->quiet,
                                          .json = run->json};
    struct driver *driver = NULL;
    struct front *front = NULL;
    struct err err = {0};
    int code = EXIT_TROUBLE;

    if (arena && (!resumed || read_again(arena, ready, &saved, &err) == 0) &&
        store_open(ready->dir, false, &config.store, &err) == 0) {
        front = front_new(&options, &config.front);
        driver = front ? driver_new(&config, &saved, &err) : NULL;
    }
    if (driver && front_attach(front, driver) == 0) {
        say_ready(ready_fd);
        code = driver_run(driver);
        front_end(front, code);
    } else {
        (void)subcommand_trouble(run->command, "%s", err.text[0] ? err.text : "no memory");
        driver_free(driver);
        driver = NULL;
        if (!resumed && config.store)
            (void)store_run_drop(config.store, ready->run, NULL);
    }
    driver_free(driver);
    front_free(front);
    store_close(config.store);
    arena_free(arena);
    return code;
}

/* Start the controller again when it is killed; what it exits with is the run's end. */
static int watch_over(const struct run_drive *run, int ready_fd)
{
    time_t first = time(NULL);
    bool resumed = run->resumed;

    for (unsigned restarts = 0;; restarts++) {
        pid_t pid = fork();
        int status;

        if (pid == 0)
            _exit(drive(run, resumed, ready_fd));
        if (ready_fd >= 0)
            (void)close(ready_fd);
        ready_fd = -1;
        if (pid < 0)
            return EXIT_TROUBLE;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (time(NULL) - first > RESTART_S) {
            first = time(NULL);
            restarts = 0;
        }
        if (restarts == RESTARTS_MAX)
            return EXIT_TROUBLE;
        (void)fprintf(stderr,
                      "firstlight: the controller was killed by signal %d; it starts again\n",
                      WTERMSIG(status));
        resumed = true;
    }
}

/* Its own session, and files for streams. */
static int leave_terminal(const struct run_ready *ready, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *run_dir = arena ? store_run_dir(arena, ready->dir, ready->run) : NULL;
    const char *path = run_dir ? arena_printf(arena, "%s/controller.log", run_dir) : NULL;
    int log = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), r = 0;

    if (log < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        r = err_set(err, -errno, "%s: %s", path ? path : "the controller's log", strerror(errno));
    (void)setsid();
    arena_free(arena);
    return r;
}

static int drive_detached(const struct run_drive *run)
{
    struct err err = {0};
    int ends[2];
    char byte;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return subcommand_trouble(run->command, "no pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0)
        return subcommand_trouble(run->command, "no process for the controller: %s",
                                  strerror(errno));
    if (pid == 0) {
        (void)close(ends[0]);
        if (leave_terminal(run->ready, &err) < 0)
            _exit(subcommand_trouble(run->command, "%s", err.text));
        _exit(watch_over(run, ends[1]));
    }
    (void)close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        return subcommand_trouble(run->command,
                                  "the controller of %s did not start; its log is "
                                  "%s/runs/%s/controller.log",
                                  run->ready->run, run->ready->dir, run->ready->run);
    (void)close(ends[0]);
    (void)printf("%s\n", run->ready->run);
    if (!run->quiet)
        (void)fprintf(stderr,
                      "it runs detached; 'firstlight attach %s' shows it, 'firstlight stop "
                      "%s' ends it\n",
                      run->ready->run, run->ready->run);
    return EXIT_WELL;
}

int run_drive(const struct run_drive *run)
{
    return run->detach ? drive_detached(run) : drive(run, run->resumed, -1);
}
