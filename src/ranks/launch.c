#include "ranks/launch.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_NAME   "firstlight-agent"
#define USUAL_PATH "/usr/local/bin:/usr/bin:/bin"

/* AddressSanitizer marks the stack of a function that never returns; the parent would trip on it.
 */
#define ON_PARENTS_STACK __attribute__((noinline, no_sanitize("address", "undefined", "thread")))

enum step { STEP_NONE, STEP_FILES, STEP_CWD, STEP_EXEC };

enum { IN, OUT, ERROR, PMI, FILES };

struct birth { /* shared with the child until it executes */
    const struct launch *launch;
    const struct launch_rank *rank;
    const char *const *words;
    int files[FILES];
    pid_t parent;
    bool shares_files;
    volatile enum step failed;
    volatile int error;
};

static ON_PARENTS_STACK void __attribute__((noreturn)) give_up(struct birth *birth, enum step step)
{
    birth->error = errno;
    birth->failed = step;
    _exit(127);
}

static ON_PARENTS_STACK void default_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action)); /* all of it is SIG_DFL */
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &action, NULL);
    (void)sigemptyset(&action.sa_mask);
    (void)sigprocmask(SIG_SETMASK, &action.sa_mask, NULL);
}

/* An agent of 1,000 ranks has 3,000 files open. To copy their table into each child, which then
 * closes them one by one as it executes, was a third of all the time that a start took. So the
 * child shares the table and leaves it with the few low numbers that a rank needs. */
static ON_PARENTS_STACK void own_files(struct birth *birth)
{
    if (syscall(SYS_close_range, birth->launch->highest + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0 &&
        unshare(CLONE_FILES) < 0) /* before 5.9 */
        give_up(birth, STEP_FILES);
}

static ON_PARENTS_STACK void set_files(struct birth *birth)
{
    if (birth->shares_files)
        own_files(birth);
    for (int i = 0; i < FILES; i++)
        if (birth->files[i] >= 0 && dup2(birth->files[i], i) < 0)
            give_up(birth, STEP_FILES);
}

/* Runs in the agent's memory, on its stack, while the agent stands still: system calls only. */
static ON_PARENTS_STACK void __attribute__((noreturn)) be_rank(struct birth *birth)
{
    const struct launch *launch = birth->launch;
    const struct launch_rank *rank = birth->rank;

    default_signals();
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != birth->parent) /* it died before the line above */
        _exit(127);
    set_files(birth);
    if (rank->cpus)
        (void)sched_setaffinity(0, rank->cpu_bytes, rank->cpus);
    if (launch->cwd_fd >= 0 && fchdir(launch->cwd_fd) < 0)
        give_up(birth, STEP_CWD);
    (void)setrlimit(RLIMIT_NOFILE, &launch->files);
    (void)execve(launch->by_shell ? "/bin/sh" : launch->program, (char *const *)birth->words,
                 (char *const *)rank->env);
    give_up(birth, STEP_EXEC);
}

/* A child born in its cgroup (5.7): moving it there later takes a lock of the whole machine. libc
 * has no call for it that shares memory, so the system call stands here: as with vfork, parent and
 * child come back in the same frame, and the child must not return from it. */
static ON_PARENTS_STACK pid_t born_in(int cgroup_fd, struct birth *birth, int *pidfd)
{
#ifdef __x86_64__
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD,
        .pidfd = (uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };
    long r;

    if (cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup_fd;
    }
    birth->shares_files = true;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"((long)SYS_clone3), "D"(&args), "S"(sizeof(args))
                     : "rcx", "r11", "memory");
    if (r == 0)
        be_rank(birth);
    return (pid_t)r;
#else
    (void)cgroup_fd;
    (void)birth;
    (void)pidfd;
    return -ENOSYS;
#endif
}

static ON_PARENTS_STACK pid_t born(struct birth *birth)
{
    pid_t pid;

    birth->shares_files = false;
    pid = vfork();
    if (pid == 0)
        be_rank(birth);
    return pid < 0 ? -errno : pid;
}

/* Signals wait meanwhile: a handler of ours must not run in the child, which has our memory. */
static pid_t give_birth(struct launch *launch, struct birth *birth, int *pidfd)
{
    sigset_t all, mask;
    pid_t pid = -ENOSYS;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &mask);
    *pidfd = -1;
    if (launch->cgroup_fd >= 0) {
        pid = born_in(launch->cgroup_fd, birth, pidfd);
        if (pid < 0)
            launch->cgroup_fd = -1; /* not there, or not allowed: the groups have to do */
    }
    if (pid < 0)
        pid = born_in(-1, birth, pidfd);
    if (pid < 0)
        pid = born(birth);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (pid > 0 && *pidfd < 0)
        *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return pid;
}

static const char **shell_words(struct arena *arena, const struct launch *launch,
                                const char **words)
{
    size_t count = 0;
    const char **out;

    while (words[count])
        count++;
    out = arena_alloc(arena, (count + 3) * sizeof(*out));
    if (!out)
        return NULL;
    out[0] = "/bin/sh";
    out[1] = launch->program;
    for (size_t i = 1; i < count; i++)
        out[i + 1] = words[i];
    return out;
}

static int exec_sentence(const struct launch *launch, int error, struct err *err)
{
    struct stat there;
    int at = launch->cwd_fd >= 0 ? launch->cwd_fd : AT_FDCWD;

    if (error == ENOENT && fstatat(at, launch->program, &there, 0) == 0)
        return err_set(err, -ENOENT, "%s: the interpreter that it names is not on %s", launch->name,
                       launch->node);
    if (error == ENOENT)
        return err_set(err, -ENOENT, "%s: no such program on %s", launch->name, launch->node);
    if (error == EACCES)
        return err_set(err, -EACCES, "%s: permission denied on %s", launch->name, launch->node);
    return err_set(err, -error, "%s: cannot be run on %s: %s", launch->name, launch->node,
                   strerror(error));
}

static int birth_sentence(const struct launch *launch, const struct birth *birth, struct err *err)
{
    static const char *const doing[] = {
        [STEP_FILES] = "its standard streams",
        [STEP_CWD] = "its working directory",
    };

    if (birth->failed == STEP_EXEC)
        return exec_sentence(launch, birth->error, err);
    return err_set(err, -birth->error, "%s: %s on %s: %s", launch->name, doing[birth->failed],
                   launch->node, strerror(birth->error));
}

/* What lies above the gate goes through it. */
static int open_gate(const struct launch *launch, struct birth *birth)
{
    const struct launch_rank *rank = birth->rank;
    const int files[FILES] = {
        [IN] = rank->in, [OUT] = rank->out, [ERROR] = rank->error, [PMI] = rank->pmi};

    for (int i = 0; i < FILES; i++) {
        birth->files[i] = files[i];
        if (files[i] <= launch->highest)
            continue;
        if (dup3(files[i], launch->gate[i], O_CLOEXEC) < 0)
            return -errno;
        birth->files[i] = launch->gate[i];
    }
    return 0;
}

static void close_gate(const struct launch *launch, const struct birth *birth)
{
    for (int i = 0; i < FILES; i++) /* the end of a rank's pipe must not stay open here */
        if (birth->files[i] == launch->gate[i])
            (void)dup3(launch->null_fd, launch->gate[i], O_CLOEXEC);
}

int launch_one(struct launch *launch, struct arena *arena, const struct launch_rank *rank,
               pid_t *pid, int *pidfd, struct err *err)
{
    struct birth birth = {.launch = launch, .rank = rank, .parent = getpid()};

    birth.words = launch->by_shell ? shell_words(arena, launch, rank->words) : rank->words;
    if (!birth.words)
        return err_set(err, -ENOMEM, "no memory for the command");
    *pid = open_gate(launch, &birth);
    if (*pid == 0)
        *pid = give_birth(launch, &birth, pidfd);
    close_gate(launch, &birth);
    if (*pid < 0)
        return err_set(err, *pid, "%s: no new process on %s: %s", launch->name, launch->node,
                       strerror(-*pid));
    if (birth.failed == STEP_NONE)
        return 0;
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        ;
    if (*pidfd >= 0)
        (void)close(*pidfd);
    *pidfd = -1;
    *pid = 0;
    if (birth.failed == STEP_EXEC && birth.error == ENOEXEC && !launch->by_shell) {
        launch->by_shell = true;
        return launch_one(launch, arena, rank, pid, pidfd, err);
    }
    return birth_sentence(launch, &birth, err);
}

/* 0: it may be run; -EACCES: it is there; -ENOENT. */
static int look(int at, const char *path)
{
    struct stat file;

    if (fstatat(at, path, &file, 0) < 0)
        return -ENOENT;
    if (!S_ISREG(file.st_mode) || faccessat(at, path, X_OK, AT_EACCESS) < 0)
        return -EACCES;
    return 0;
}

/* As a shell does: the first on PATH that may be run. A program with a '/' is no matter of PATH,
 * nor is the agent itself. */
static int find_program(struct launch *launch, struct arena *arena, const char *path,
                        struct err *err)
{
    int at = launch->cwd_fd >= 0 ? launch->cwd_fd : AT_FDCWD;
    struct str rest = str_of(path ? path : USUAL_PATH), folder;
    bool seen = false;

    launch->program = launch->name;
    if (strcmp(launch->name, OWN_NAME) == 0) {
        launch->program = "/proc/self/exe"; /* there on each node, whatever is installed */
        return 0;
    }
    if (strchr(launch->name, '/')) {
        int r = look(at, launch->name);

        return r < 0 ? exec_sentence(launch, -r, err) : 0;
    }
    while (str_cut(&rest, ':', &folder)) {
        struct str in = folder.len ? folder : STR("."); /* an empty one is where we are */
        const char *candidate = arena_printf(arena, "%.*s/%s", STR_ARG(in), launch->name);
        int r;

        if (!candidate)
            return err_set(err, -ENOMEM, "no memory to look for %s", launch->name);
        r = look(at, candidate);
        if (r == 0) {
            launch->program = candidate;
            return 0;
        }
        seen |= r == -EACCES;
    }
    if (seen)
        return exec_sentence(launch, EACCES, err);
    return err_set(err, -ENOENT, "%s: no such program in PATH on %s", launch->name, launch->node);
}

static int cwd_sentence(const char *cwd, const char *node, int error, struct err *err)
{
    const char *what = error == ENOENT    ? "no such directory"
                       : error == ENOTDIR ? "not a directory"
                                          : strerror(error);

    return err_set(err, -error, "cwd %s: %s on %s", cwd, what, node);
}

/* Above the standard streams and PMI's, so that no dup2 in a child hits what it still needs. */
static int open_high(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC), high;

    if (fd < 0 || fd > LAUNCH_PMI_FD)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, LAUNCH_PMI_FD + 1);
    (void)close(fd);
    return high;
}

static int make_gate(struct launch *launch)
{
    launch->highest = launch->cwd_fd > launch->null_fd ? launch->cwd_fd : launch->null_fd;
    for (int i = 0; i < FILES; i++) {
        launch->gate[i] = fcntl(launch->null_fd, F_DUPFD_CLOEXEC, LAUNCH_PMI_FD + 1);
        if (launch->gate[i] < 0)
            return -errno;
        if (launch->gate[i] > launch->highest)
            launch->highest = launch->gate[i];
    }
    return 0;
}

int launch_init(struct launch *launch, struct arena *arena, const char *name, const char *path,
                const char *cwd, const char *node, struct err *err)
{
    int r;

    *launch = (struct launch)LAUNCH_NONE;
    launch->name = name;
    launch->node = node;
    (void)getrlimit(RLIMIT_NOFILE, &launch->files);
    if (cwd) {
        launch->cwd_fd = open_high(cwd, O_PATH | O_DIRECTORY);
        if (launch->cwd_fd < 0)
            return cwd_sentence(cwd, node, errno, err);
    }
    launch->null_fd = open_high("/dev/null", O_RDONLY);
    if (launch->null_fd < 0 || make_gate(launch) < 0)
        r = err_set(err, -errno, "/dev/null on %s: %s", node, strerror(errno));
    else
        r = find_program(launch, arena, path, err);
    if (r < 0)
        launch_done(launch);
    return r;
}

void launch_done(struct launch *launch)
{
    if (launch->cwd_fd >= 0)
        (void)close(launch->cwd_fd);
    if (launch->null_fd >= 0)
        (void)close(launch->null_fd);
    for (int i = 0; i < FILES; i++) {
        if (launch->gate[i] >= 0)
            (void)close(launch->gate[i]);
        launch->gate[i] = -1;
    }
    launch->cwd_fd = launch->null_fd = -1;
}
