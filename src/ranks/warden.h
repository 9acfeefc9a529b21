/* ranks/warden - the process above the agent that outlives it by as long as it takes to clean up.
 *
 * warden_begin forks: the child goes on as the agent, the parent becomes the warden: a subreaper
 * that waits for the agent to end. When the agent ends by itself, so does it, with the same exit
 * code. When the agent is killed, it kills every process below it, again until there is none (what
 * calls setsid or double-forks falls to it too), removes the page folder, and exits with
 * 128 + signal. When the warden is killed, the agent does the same (PR_SET_PDEATHSIG and a pipe).
 * SIGTERM and SIGINT are handed on to the agent. */
#ifndef RANKS_WARDEN_H
#define RANKS_WARDEN_H

#include "base/err.h"

/* Returns in the agent (0) or not at all. `remove_folder` is removed when the agent was killed. */
int warden_begin(const char *remove_folder, struct err *err);

/* Kill all descendants of this process until there are none; returns how many were killed. Bounded
 * in time (5 s): what sits in the kernel stays, counted in *left. */
unsigned warden_sweep(unsigned *left);

#endif
