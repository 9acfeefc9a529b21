/* ranks/spawn_parts - what spawn.c (watches and ends) and spawn_start.c (makes) share of an
 * attempt. No other file includes it. */
#ifndef RANKS_SPAWN_PARTS_H
#define RANKS_SPAWN_PARTS_H

#include "base/map.h"
#include "ranks/cgroup.h"
#include "ranks/last_words.h"
#include "ranks/launch.h"
#include "ranks/oom.h"
#include "ranks/peers.h"
#include "ranks/rank_log.h"
#include "ranks/spawn.h"

#define SPAWN_READ_BYTES 65536

struct rank;

struct stream {
    struct rank *rank;
    int number, fd; /* 1 or 2; -1: at its end */
    struct event *event;
    struct last_words words;
};

struct rank {
    struct spawn *spawn;
    uint32_t local;
    pid_t pid; /* 0: gone */
    int pidfd;
    bool killed;   /* by us */
    int exit_code; /* it asked to be killed and to count as having left with this; 0: it has not */
    struct event *exit_event;
    struct stream streams[2];
    struct rank_log *log;
    struct page *page;
    const char *page_path, *error_file;
};

struct spawn {
    struct spawn_watch watch;
    struct event_base *base;
    struct arena *arena; /* lives as long as the attempt */
    const char *folder;
    uint32_t first_rank, nproc, alive;
    struct rank *ranks;
    struct map by_pid;
    struct launch launch;
    struct cgroup *cgroup;
    struct err without_cgroup;
    struct oom oom;
    struct peers peers;
    struct rlimit files; /* ours before */
    struct event *child_event, *end_event;
    int64_t grace_until_ns; /* of stragglers; 0: not begun */
    unsigned stragglers;
    bool killing, told_empty;
    char buffer[SPAWN_READ_BYTES];
};

/* Callbacks of the event loop; the argument is the stream, the rank, or the spawn. */
void spawn_on_output(evutil_socket_t fd, short what, void *stream);
void spawn_on_exit_of_rank(evutil_socket_t fd, short what, void *rank);
void spawn_on_child(evutil_socket_t fd, short what, void *spawn);
void spawn_on_end(evutil_socket_t fd, short what, void *spawn);

#endif
