/* ranks/launch - one process made fast: its memory is not copied, thousands a second.
 *
 * What is the same for all ranks (the program's place, the working directory, limits) is looked up
 * once, in launch_init; launch_one is then a vfork and some system calls. */
#ifndef RANKS_LAUNCH_H
#define RANKS_LAUNCH_H

#include "base/arena.h"
#include "base/err.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct launch {
    const char *program; /* a path for execve, seen from the working directory */
    const char *name;    /* as the user wrote it */
    const char *node;    /* for sentences */
    int cwd_fd;          /* -1: the agent's own */
    int null_fd;         /* /dev/null, a rank's stdin */
    int cgroup_fd;       /* -1: none; set to -1 when the kernel does not let us in */
    int gate[4];         /* low numbers, by which a rank gets its files; see launch.c */
    int highest;         /* of cwd_fd, null_fd and the gate: all that a rank needs */
    bool by_shell;       /* a script without #!, which a shell runs */
    struct rlimit files; /* what ranks get */
};

/* So that launch_done may be called before launch_init. */
#define LAUNCH_NONE                                                                                \
    {                                                                                              \
        .cwd_fd = -1, .null_fd = -1, .cgroup_fd = -1, .gate = { -1, -1, -1, -1 }                   \
    }

/* `path` is PATH of the ranks' environment (NULL: the usual folders). Returns 0, or a negative
 * errno with a sentence: "python4: no such program in PATH on n003". Strings live in `arena`. */
int launch_init(struct launch *launch, struct arena *arena, const char *name, const char *path,
                const char *cwd, const char *node, struct err *err);
void launch_done(struct launch *launch);

/* Best called with so many low descriptors free: a rank's start costs as much as the highest. */
#define LAUNCH_FILES 6

/* PMI_FD of every rank that has one: the first number after the standard streams. */
#define LAUNCH_PMI_FD 3

struct launch_rank {
    const char **words, **env;
    int in, out, error, pmi; /* descriptors from 4 on; pmi may be -1 */
    const cpu_set_t *cpus;   /* NULL: not bound */
    size_t cpu_bytes;
};

/* It leads a process group, has default signals, and is killed when the agent dies. *pidfd is -1 on
 * kernels without them (before 5.3). Returns 0, or a negative errno with a sentence. */
int launch_one(struct launch *launch, struct arena *arena, const struct launch_rank *rank,
               pid_t *pid, int *pidfd, struct err *err);

#endif
