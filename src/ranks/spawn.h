/* ranks/spawn - the processes of one attempt on this node: started, watched, ended to the last.
 *
 * Each rank leads a process group of its own, in a cgroup of the attempt where a cgroup2 is
 * delegated to us; it dies with the agent (PR_SET_PDEATHSIG), and what it left behind falls to the
 * agent, which is a subreaper, or to the warden (ranks/warden.h) when the agent was killed. A
 * rank's stdout and stderr are pipes into its log (ranks/rank_log.h). */
#ifndef RANKS_SPAWN_H
#define RANKS_SPAWN_H

#include "base/arena.h"
#include "base/err.h"
#include "job/job.h"
#include "progress/page.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct spawn;

struct spawn_request {
    struct event_base *base;
    const struct job *job;
    const char *run;
    uint32_t attempt, first_rank, nproc, world, node_rank, nnodes;
    const char *node_name;
    const char *const *hosts; /* in rank order, or NULL */
    const char *master_addr;
    uint16_t master_port;
    bool agent_store;
    const char *resume;      /* NULL: none */
    const char *folder;      /* of this attempt on this node: logs, error files */
    const char *page_folder; /* in memory: /dev/shm/firstlight-UID/RUN.NODE */
    /* The rank's end of a PMI-1 socket pair for each rank, -1: none; NULL: none for any. They stay
     * the caller's, who closes them after spawn_start. */
    const int *pmi_fds;
    const char *const *env; /* what is handed on */
};

struct spawn_watch {
    void *data;
    void (*exited)(void *data, uint32_t local_rank, int wait_status, bool oom, int64_t exited_ns);
    /* Every process of the attempt is gone. */
    void (*empty)(void *data, uint32_t stragglers);
    /* A part of a rank's output (stream 1 or 2) that its log has taken. */
    void (*output)(void *data, uint32_t local_rank, int stream, struct str bytes);
    /* Optional: a sentence that a person should read ("the log of rank 7 ends here: ..."). */
    void (*note)(void *data, const char *text);
    /* Optional: is this child one that the agent started by itself (a checkpoint's check)? It is
     * then neither reaped nor ended here. All other children count as the attempt's. */
    bool (*mine)(void *data, pid_t pid);
};

/* Start all ranks: all of them run, or none (those that ran are killed) and the sentence says why:
 * "python4: no such program in PATH on n003". At some thousands a second. Callbacks come from the
 * event loop alone; in them all calls are allowed, in `empty` also spawn_free. `request` may go
 * when it returns. One attempt at a time: the open files that we may have are set for it. */
int spawn_start(const struct spawn_request *request, const struct spawn_watch *watch,
                struct spawn **spawn, struct err *err);

void spawn_signal(struct spawn *spawn, uint32_t local_rank, int signo);
/* It is killed by its own wish: for all others it has exited with this code. */
void spawn_end_rank(struct spawn *spawn, uint32_t local_rank, int exit_code);
/* Every process: SIGKILL by cgroup.kill, else the groups and all descendants, again until none is
 * left; another signal once. */
void spawn_signal_all(struct spawn *spawn, int signo);

pid_t spawn_pid(const struct spawn *spawn, uint32_t local_rank); /* 0: gone */
struct page *spawn_page(const struct spawn *spawn, uint32_t local_rank);
/* The last lines of its output, cut to `max` bytes; an error file's message when it wrote one. */
struct str spawn_last_words(struct spawn *spawn, struct arena *arena, uint32_t local_rank,
                            size_t max);
int64_t spawn_log_size(const struct spawn *spawn, uint32_t local_rank);
/* Which rank does a process belong to: itself or a descendant; -1. For the store's connections. */
int64_t spawn_rank_of_socket(struct spawn *spawn, uint16_t peer_port);

/* Why there is no control group; NULL: there is one. */
const char *spawn_without_cgroup(const struct spawn *spawn);

/* When it is empty; else all is killed first, and waited for up to 5 s. Takes NULL. */
void spawn_free(struct spawn *spawn);

#endif
