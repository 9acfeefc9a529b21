#include "ranks/warden.h"

#include "base/clock.h"
#include "ranks/procs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MAX_MS   5000
#define SWEEP_STEP_MS  2
#define FOLDER_PATH    1024
#define EXIT_OF_SIGNAL 128

/* The signal by which the kernel tells the agent that its warden died. Not one that programs send;
 * a real-time one, so that no meaning that a person knows is taken. */
#define WARDEN_DIED (SIGRTMAX - 1)

static const int handed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static char folder_to_remove[FOLDER_PATH]; /* for the handler, which has nothing else to read */

static void pause_a_moment(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = SWEEP_STEP_MS * 1000000L}, NULL);
}

static bool kill_child(void *data, pid_t pid)
{
    (void)data;
    (void)kill(pid, SIGKILL);
    return true;
}

static bool count_child(void *data, pid_t pid)
{
    (void)pid;
    ++*(unsigned *)data;
    return true;
}

/* Each round kills one layer of the tree: the next one is ours when its parents are dead. */
unsigned warden_sweep(unsigned *left)
{
    int64_t end = clock_now_ms() + SWEEP_MAX_MS;
    unsigned killed = 0;
    bool any = true;

    *left = 0;
    while (any && clock_now_ms() < end) {
        procs_each_child(kill_child, NULL);
        killed += procs_reap(&any);
        if (any)
            pause_a_moment();
    }
    if (any)
        procs_each_child(count_child, left);
    return killed;
}

/* A flat folder of pages; deeper ones are not made. By system calls alone: a handler calls it. */
static void remove_folder_of_pages(const char *path)
{
    char buffer[4096] __attribute__((aligned(8)));
    int fd = *path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    ssize_t got;

    if (fd < 0)
        return;
    while ((got = getdents64(fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(buffer + at);

            at += entry->d_reclen;
            (void)unlinkat(fd, entry->d_name, 0);
        }
    }
    (void)close(fd);
    (void)rmdir(path);
}

/* In the agent, wherever it is: nothing of it can be relied on, it ends here. */
static void warden_died(int signo)
{
    unsigned left;

    (void)signo;
    (void)warden_sweep(&left);
    remove_folder_of_pages(folder_to_remove);
    _exit(EXIT_OF_SIGNAL + SIGKILL);
}

static int become_agent(pid_t warden, const sigset_t *mask)
{
    struct sigaction action = {.sa_handler = warden_died};

    (void)sigfillset(&action.sa_mask);
    (void)sigaction(WARDEN_DIED, &action, NULL);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_PDEATHSIG, WARDEN_DIED);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    if (getppid() != warden) /* it died before we asked to be told */
        warden_died(WARDEN_DIED);
    return 0;
}

/* Has the agent ended? Reaps it and whatever else fell to us. */
static bool reap_until_agent(pid_t agent, int *status)
{
    bool ended = false;
    pid_t pid;
    int one;

    while ((pid = waitpid(-1, &one, WNOHANG)) > 0) {
        if (pid == agent) {
            *status = one;
            ended = true;
        }
    }
    return ended;
}

static void __attribute__((noreturn)) be_warden(pid_t agent)
{
    sigset_t all;
    siginfo_t info;
    unsigned left;
    int status = 0;

    (void)sigfillset(&all);
    (void)syscall(SYS_close_range, 3u, ~0u, 0u); /* pipes of the agent's end with the agent */
    while (!reap_until_agent(agent, &status)) {
        if (sigwaitinfo(&all, &info) < 0)
            continue;
        /* A terminal's signal (si_code > 0) went to the agent as well: it is in our group. */
        for (size_t i = 0; i < sizeof(handed_on) / sizeof(*handed_on); i++)
            if (info.si_signo == handed_on[i] && info.si_code <= 0)
                (void)kill(agent, info.si_signo);
    }
    (void)warden_sweep(&left);
    if (!WIFSIGNALED(status))
        _exit(WEXITSTATUS(status));
    remove_folder_of_pages(folder_to_remove);
    _exit(EXIT_OF_SIGNAL + WTERMSIG(status));
}

int warden_begin(const char *remove_folder, struct err *err)
{
    sigset_t all, mask;
    pid_t warden = getpid(), agent;

    if (remove_folder && strlen(remove_folder) >= sizeof(folder_to_remove))
        return err_set(err, -ENAMETOOLONG, "%s: the folder's name is too long", remove_folder);
    if (remove_folder)
        memcpy(folder_to_remove, remove_folder, strlen(remove_folder) + 1);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return err_set(err, -errno, "cannot become a subreaper: %s", strerror(errno));
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &mask);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, it would reap in silence */
    agent = fork();
    if (agent < 0) {
        int r = -errno;

        (void)sigprocmask(SIG_SETMASK, &mask, NULL);
        return err_set(err, r, "cannot start the agent below its warden: %s", strerror(-r));
    }
    if (agent > 0)
        be_warden(agent);
    return become_agent(warden, &mask);
}
