/* ranks/cgroup - a control group (v2) for the processes of one attempt, where one may be made.
 *
 * It is made below the group that we are in, when that is delegated to us (or we are root); no
 * controller is switched on and no limit is set. Where it cannot be, process groups and the
 * subreaper do the same work in more steps. */
#ifndef RANKS_CGROUP_H
#define RANKS_CGROUP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct cgroup;

/* Where is the group of this process? `proc` is "/proc/self" (tests have their own): its files
 * mountinfo and cgroup are read. Returns 0, or a negative errno with the reason why there is none.
 */
int cgroup_own(const char *proc, char *path, size_t bytes, struct err *why);

/* Make `name`-OURPID below the group `parent`. Groups that dead processes of ours left there with
 * this prefix of names, "firstlight-", are removed first. NULL with the reason. */
struct cgroup *cgroup_make(const char *parent, const char *name, struct err *why);

int cgroup_fd(const struct cgroup *cgroup); /* of its folder, for CLONE_INTO_CGROUP */

/* Is any process alive in it? */
bool cgroup_populated(const struct cgroup *cgroup);

/* SIGKILL to all in it, at once where the kernel can (5.14). */
void cgroup_kill(const struct cgroup *cgroup);

const char *cgroup_path(const struct cgroup *cgroup);

/* Remove it; it must be empty of processes, or it stays. */
void cgroup_free(struct cgroup *cgroup);

#endif
