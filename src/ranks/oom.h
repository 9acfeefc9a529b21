/* ranks/oom - was it the kernel's OOM killer? Its log names the process; where we may not read
 * that, a control group counts what was killed in it. */
#ifndef RANKS_OOM_H
#define RANKS_OOM_H

#include "base/str.h"

#include <stdbool.h>
#include <sys/types.h>

struct oom {
    int log_fd;    /* /dev/kmsg, -1: not for us */
    int events_fd; /* memory.events, -1: none */
    int64_t kills; /* counted there so far */
};

/* From here on. `cgroup` is the folder of a group, or NULL. */
void oom_init(struct oom *oom, const char *cgroup);
void oom_done(struct oom *oom);

/* Was this process, which SIGKILL has ended, the killer's? The log's word counts where there is
 * one; else that the group lost a process since the last call. */
bool oom_killed(struct oom *oom, pid_t pid);

/* "...Out of memory: Killed process 4711 (python3) total-vm:..." gives 4711; 0: another line. */
pid_t oom_victim(struct str record);

/* "oom_kill 3" in a memory.events; 0 without that line. */
int64_t oom_count(struct str text);

#endif
