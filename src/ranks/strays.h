/* ranks/strays - what is left on this machine of a run's agents that died or are to die. */
#ifndef RANKS_STRAYS_H
#define RANKS_STRAYS_H

#include <stdint.h>

/* Kill processes of this user whose environment has FIRSTLIGHT_RUN_ID=run and which neither descend
 * from us nor have an agent or a warden above them. Returns how many; bounded in time (5 s). */
unsigned strays_end(const char *run);

/* First kill the agent and the warden of this node, ourselves and our parent left out: they were
 * started by our executable with --run and --node. */
unsigned strays_end_node(const char *run, uint32_t node);

#endif
