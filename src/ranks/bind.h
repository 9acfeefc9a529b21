/* ranks/bind - which CPUs each rank of a node may use, from the machine's topology (hwloc). */
#ifndef RANKS_BIND_H
#define RANKS_BIND_H

#include "base/arena.h"
#include "base/err.h"
#include "job/job.h"
#include "ranks/gpus.h"

#include <sched.h>
#include <stdint.h>

struct bind_wish {
    enum job_bind how;
    uint32_t nproc;
    const struct gpus *gpus; /* for JOB_BIND_GPU */
    const char *root;        /* "": where sys/bus/pci lies, for JOB_BIND_GPU */
    const char *synthetic;   /* hwloc's description of another machine, for tests; NULL: this one */
};

struct bind_plan {
    cpu_set_t **sets; /* of each rank; NULL: not bound */
    size_t set_bytes;
};

/* Ranks get equal parts in the order of the topology, disjoint ones where there are enough cores
 * (then hardware threads); of a machine's NUMA nodes or sockets whole ones. For a GPU: the CPUs
 * next to it. Only CPUs that this process may use are given. Everything lives in `arena`. Returns
 * 0, or a negative errno with a sentence. */
int bind_plan(struct arena *arena, const struct bind_wish *wish, struct bind_plan *plan,
              struct err *err);

#endif
