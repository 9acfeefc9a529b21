#include "ranks/procs.h"

#include "base/str.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t number(const char **text)
{
    long value = 0;

    for (; char_is_digit(**text) && value <= INT32_MAX / 16; (*text)++)
        value = value * 10 + (**text - '0');
    return (pid_t)value;
}

static void each_numbered(const char *folder, procs_visit *visit, void *data)
{
    char buffer[4096] __attribute__((aligned(8)));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return;
    while ((got = getdents64(fd, buffer, sizeof(buffer))) > 0) { /* readdir would ask for memory */
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(buffer + at);
            const char *name = entry->d_name;

            at += entry->d_reclen;
            if (!char_is_digit(*name))
                continue;
            if (!visit(data, number(&name))) {
                (void)close(fd);
                return;
            }
        }
    }
    (void)close(fd);
}

void procs_each(procs_visit *visit, void *data)
{
    each_numbered("/proc", visit, data);
}

/* "/proc/PID/NAME" without printf, which a signal handler may not call. */
static void path_of(char path[64], const char *before, pid_t pid, const char *after)
{
    char digits[12];
    size_t len = strlen(before), count = 0;

    memcpy(path, before, len);
    do
        digits[count++] = (char)('0' + pid % 10);
    while ((pid /= 10) > 0);
    while (count)
        path[len++] = digits[--count];
    memcpy(path + len, after, strlen(after) + 1);
}

struct children {
    procs_visit *visit;
    void *data;
    bool stopped, listed; /* listed: the kernel has the files `children` */
};

/* A list of numbers, in parts: one may be cut at the end of what was read. */
static bool children_of_task(void *data, pid_t task)
{
    struct children *children = data;
    char path[64], buffer[4096];
    pid_t pid = 0;
    ssize_t got;
    int fd;

    path_of(path, "/proc/self/task/", task, "/children");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true;
    children->listed = true;
    while (!children->stopped && (got = read(fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; i < got && !children->stopped; i++) {
            if (char_is_digit(buffer[i])) {
                pid = pid * 10 + (buffer[i] - '0');
            } else if (pid) {
                children->stopped = !children->visit(children->data, pid);
                pid = 0;
            }
        }
    }
    if (pid && !children->stopped)
        children->stopped = !children->visit(children->data, pid);
    (void)close(fd);
    return !children->stopped;
}

static bool child_by_parent(void *data, pid_t pid)
{
    struct children *children = data;
    struct procs_row row;

    if (procs_read(pid, &row) && row.parent == getpid())
        return children->visit(children->data, pid);
    return true;
}

void procs_each_child(procs_visit *visit, void *data)
{
    struct children children = {.visit = visit, .data = data};

    each_numbered("/proc/self/task", children_of_task, &children);
    if (!children.listed) /* a kernel without CONFIG_PROC_CHILDREN */
        procs_each(child_by_parent, &children);
}

/* "PID (name) S PPID PGRP SESSION ..."; the name may hold anything, ')' too. Field 22 is the start.
 */
bool procs_read(pid_t pid, struct procs_row *row)
{
    char path[64], text[1024];
    const char *at = NULL;
    ssize_t got;
    int fd;

    path_of(path, "/proc/", pid, "/stat");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    for (const char *p = text; *p; p++)
        if (*p == ')')
            at = p;
    if (!at || at + 4 > text + got)
        return false;
    *row = (struct procs_row){.pid = pid, .state = at[2]};
    at += 4;
    row->parent = number(&at);
    if (*at)
        at++;
    row->group = number(&at);
    for (int field = 6; field <= 22 && *at; at++)
        field += *at == ' ';
    for (; char_is_digit(*at); at++)
        row->started = row->started * 10 + (uint64_t)(*at - '0');
    return true;
}

struct taking {
    VEC(struct procs_row) rows;
    bool failed;
};

static bool take_one(void *data, pid_t pid)
{
    struct taking *taking = data;
    struct procs_row row, *slot;

    if (!procs_read(pid, &row))
        return true;
    slot = vec_push(&taking->rows);
    taking->failed = !slot;
    if (slot)
        *slot = row;
    return slot != NULL;
}

static int by_pid(const void *a, const void *b)
{
    const struct procs_row *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

int procs_take(struct procs *procs)
{
    struct taking taking = {0};

    procs_each(take_one, &taking);
    if (taking.failed) {
        vec_done(&taking.rows);
        return -ENOMEM;
    }
    if (taking.rows.count)
        qsort(taking.rows.items, taking.rows.count, sizeof(*taking.rows.items), by_pid);
    *procs = (struct procs){taking.rows.items, taking.rows.count};
    return 0;
}

void procs_done(struct procs *procs)
{
    free(procs->rows);
    *procs = (struct procs){0};
}

const struct procs_row *procs_find(const struct procs *procs, pid_t pid)
{
    struct procs_row key = {.pid = pid};

    return procs->count ? bsearch(&key, procs->rows, procs->count, sizeof(key), by_pid) : NULL;
}

/* A snapshot is not of one moment: numbers used again could make a ring, hence the bound. */
bool procs_below(const struct procs *procs, pid_t pid, pid_t ancestor)
{
    const struct procs_row *row = procs_find(procs, pid);

    for (size_t steps = 0; row && steps < procs->count; steps++) {
        if (row->parent == ancestor)
            return true;
        row = procs_find(procs, row->parent);
    }
    return false;
}

void procs_signal(const struct procs_row *row, int signo)
{
    int fd = (int)syscall(SYS_pidfd_open, row->pid, 0);
    struct procs_row now;

    /* Opened first, looked at then: what the descriptor stands for does not change any more. */
    if (procs_read(row->pid, &now) && now.started == row->started) {
        if (fd >= 0)
            (void)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
        else
            (void)kill(row->pid, signo); /* a kernel before 5.3 */
    }
    if (fd >= 0)
        (void)close(fd);
}

#define ENV_CHUNK      16384
#define ENV_BYTES_MAX  (4u << 20)
#define ENV_WORD_BYTES 512

bool procs_env_has(pid_t pid, const char *word)
{
    char path[64], buffer[ENV_WORD_BYTES + ENV_CHUNK];
    size_t len = strlen(word) + 1, kept = 1, total = 0; /* with its NUL, and the NUL before it */
    bool found = false;
    ssize_t got;
    int fd;

    if (len >= ENV_WORD_BYTES)
        return false;
    path_of(path, "/proc/", pid, "/environ");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    buffer[0] = '\0';
    while (!found && total < ENV_BYTES_MAX && (got = read(fd, buffer + kept, ENV_CHUNK)) > 0) {
        size_t have = kept + (size_t)got;

        total += (size_t)got;
        for (size_t i = 0; !found && i + 1 + len <= have; i++)
            found = buffer[i] == '\0' && memcmp(buffer + i + 1, word, len) == 0;
        kept = have < len ? have : len;
        memmove(buffer, buffer + have - kept, kept);
    }
    (void)close(fd);
    return found;
}

unsigned procs_reap(bool *any)
{
    unsigned killed = 0;

    for (;;) {
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0) {
            if (errno == EINTR)
                continue;
            *any = false; /* ECHILD */
            return killed;
        }
        if (!info.si_pid) {
            *any = true;
            return killed;
        }
        killed += info.si_code == CLD_KILLED && info.si_status == SIGKILL;
    }
}
