/* sim/sim - a whole cluster in one thread: the real controller, store and agents' machines, with a
 * network, clocks, processes, disks and faults that come from a seed.
 *
 * Time is simulated: an event queue in nanoseconds. The same seed gives the same run, to the last
 * message. After every event the invariants are checked (sim_check); the first that breaks ends the
 * simulation with its sentence, the seed and the last events. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/err.h"
#include "job/job.h"

#include <stdint.h>

/* Rates are per hour of simulated time; 0: never. */
struct sim_config {
    uint64_t seed;
    const struct job *job;
    uint32_t nodes; /* spares among them */
    /* network */
    double latency_ms, jitter_ms;
    double link_breaks; /* per node: the link breaks and the agent comes back */
    double partitions;  /* a random part of the nodes is cut off for partition_s */
    double partition_s;
    double stalls; /* per node: one way of its link stands still for stall_s, then all arrives */
    double stall_s;
    double rivals;          /* chance that an agent that connects meets a controller of before */
    double clock_offset_ms; /* spread of the nodes' clocks */
    /* deaths */
    double rank_crashes; /* per rank */
    double node_losses;  /* per node: agent and ranks die, the host does not answer any more */
    double nodes_each;   /* a node with ranks stands for so many, each of which may be lost; 0: 1 */
    /* A lost host's silence is noticed after so long, told by the back end; 0: by missing PINGs
     * alone. With it, job->node_timeout_s may be long, and a plan for 12,500 nodes is not made of
     * heartbeats. */
    double silence_s;
    double node_repair_h;    /* a lost node can be started again after so long; 0: never */
    double agent_kills;      /* per node: kill -9 of the agent alone */
    double agent_restarts;   /* per node: ... and the back end starts another at once */
    double controller_kills; /* it starts again after controller_restart_s */
    double controller_restart_s;
    /* disk of the controller */
    double disk_ms;   /* of one commit */
    double disk_full; /* it is full for disk_full_s */
    double disk_full_s;
    /* the program: steps of step_s, a checkpoint each checkpoint_s that takes checkpoint_write_s;
     * starting it takes start_s, loading load_s */
    double step_s, start_s, load_s, checkpoint_s, checkpoint_write_s;
    double report_s;            /* rank 0 says its step so often */
    double work_s;              /* of an independent job: each rank exits 0 after so long at most */
    int64_t steps_total;        /* it ends well then; 0: only time ends it */
    double saves, stops, kills; /* wishes of a person */
    double find_failures;       /* chance that looking for a checkpoint ends in a complaint */
    double spawn_failures;      /* chance of each */
    double ignores_sigterm;     /* chance that a rank does */
    double hours;
    bool checks;       /* the invariants that cost a walk over all ranks */
    double idle_h_max; /* without a new step at the end; 0: not looked at */
};

struct sim_result {
    int exit_code; /* -1: not ended in time */
    uint32_t attempts, nodes_lost, swaps, adoptions;
    int64_t steps_kept;                                /* of the last checkpoint or the end */
    double hours, training_s, lost_progress_s, down_s; /* they add up to the time */
    double checkpoint_overhead_s;
    uint64_t events, messages;
};

/* Returns 0, or -EPROTO when an invariant broke: the sentence has the seed and what came last. */
int sim_run(const struct sim_config *config, struct sim_result *result, struct err *err);

#endif
