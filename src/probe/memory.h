/* probe/memory - the test of a node's memory, for CPUs that a test names. */
#ifndef PROBE_MEMORY_H
#define PROBE_MEMORY_H

#include "probe/cpus.h"
#include "probe/probe.h"

/* Tells memory.read and memory.copy of each NUMA node, with all of its cores at once, and numa.copy
 * between each two: the one's cores write into the other's memory. */
void memory_measure(const struct probe *probe, const struct cpus *cpus);

#endif
