/* ranks/procs - processes as /proc tells them.
 *
 * What ends processes here works on children that are not reaped yet: their numbers cannot have
 * gone to somebody else. As a subreaper we get the children of a child that dies, so killing all
 * children again and again ends a whole tree, whatever called setsid or forked twice. These calls
 * take no memory and only what a signal handler may call. */
#ifndef RANKS_PROCS_H
#define RANKS_PROCS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef bool procs_visit(void *data, pid_t pid); /* false: no more */

/* Every process in /proc. */
void procs_each(procs_visit *visit, void *data);

/* The children of this process, zombies too. */
void procs_each_child(procs_visit *visit, void *data);

struct procs_row {
    pid_t pid, parent, group;
    char state;       /* 'Z': a zombie */
    uint64_t started; /* clock ticks since boot: with the pid, who it is */
};

/* False: it is gone. */
bool procs_read(pid_t pid, struct procs_row *row);

/* A snapshot of all processes, sorted by pid; rows are malloc'ed. Not for signal handlers. */
struct procs {
    struct procs_row *rows;
    size_t count;
};

int procs_take(struct procs *procs); /* 0 or -ENOMEM */
void procs_done(struct procs *procs);
const struct procs_row *procs_find(const struct procs *procs, pid_t pid); /* NULL: none */
bool procs_below(const struct procs *procs, pid_t pid, pid_t ancestor);

/* Send a signal to the process of this row, not to one that got its number later. */
void procs_signal(const struct procs_row *row, int signo);

/* Does the environment it was started with hold this "NAME=VALUE"? */
bool procs_env_has(pid_t pid, const char *word);

/* Reap children that have ended, until none is left to reap. Returns the number that SIGKILL
 * ended; *any says whether there are children that live on. */
unsigned procs_reap(bool *any);

#endif
