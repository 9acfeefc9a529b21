/* probe/team - threads that work at the same time, each bound to one CPU. */
#ifndef PROBE_TEAM_H
#define PROBE_TEAM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Thread `index` of the team, on cpus[index]. */
typedef void team_work(void *arg, size_t index);

/* Start a thread on each of the CPUs, have all of them begin at once, and wait for their ends.
 * Returns 0, or a negative errno with a sentence: a thread could not be started, and nobody worked.
 */
int team_run(const uint32_t *cpus, size_t count, team_work *work, void *arg, struct err *err);

#endif
