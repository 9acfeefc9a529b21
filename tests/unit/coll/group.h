/* Ranks as processes of this test, and what became of each. */
#ifndef TESTS_COLL_GROUP_H
#define TESTS_COLL_GROUP_H

#include "base/clock.h"
#include "many.h"
#include "store_server.h"

#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#define GROUP_MAX 16

struct group_rank {
    pid_t pid;
    int r;
    struct err err;
    _Atomic uint64_t rounds; /* done; a test waits for it */
    char name[64];
    bool ended, killed;
};

struct group {
    struct server *server;
    size_t size;
    uint64_t seed;
    struct coll_options options; /* but for rank, size, store */
    struct group_rank *ranks;    /* shared memory */
};

typedef int group_body(struct group *group, struct coll *coll, struct group_rank *rank);

static inline void group_start(struct group *group, group_body *body)
{
    static unsigned count;
    static char name[40];

    (void)snprintf(name, sizeof(name), "group.%u", ++count);
    if (!group->options.name)
        group->options.name = name;
    group->ranks = mmap(NULL, GROUP_MAX * sizeof(*group->ranks), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < group->size; i++) {
        struct group_rank *rank = &group->ranks[i];
        pid_t pid = fork();

        if (pid == 0) {
            struct coll_options options = group->options;
            struct coll *coll = NULL;

            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            options.rank = i;
            options.size = group->size;
            options.store_host = "127.0.0.1";
            options.store_port = group->server->port;
            rank->r = coll_open(&options, &coll, &rank->err);
            if (rank->r == 0) {
                (void)snprintf(rank->name, sizeof(rank->name), "%s", coll_name(coll));
                rank->r = body(group, coll, rank);
            }
            coll_free(coll);
            _exit(0);
        }
        rank->pid = pid;
    }
}

/* Reap all; those that still run after `limit_ms` are killed: false. */
static inline bool group_wait(struct group *group, int64_t limit_ms)
{
    int64_t end = clock_now_ms() + limit_ms;
    bool well = true;

    for (size_t i = 0; i < group->size; i++) {
        struct group_rank *rank = &group->ranks[i];
        int status;

        while (waitpid(rank->pid, &status, WNOHANG) == 0) {
            if (clock_now_ms() > end) {
                (void)kill(rank->pid, SIGKILL);
                well = false;
            }
            (void)poll(NULL, 0, 2);
        }
        rank->ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        rank->killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    return well;
}

static inline void group_done(struct group *group)
{
    (void)munmap(group->ranks, GROUP_MAX * sizeof(*group->ranks));
    group->options.name = NULL;
}

#endif
