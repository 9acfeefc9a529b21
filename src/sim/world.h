/* sim/world - the simulated cluster's parts, for the files of this room.
 *
 *   sim.c         the loop, the result
 *   faults.c      what goes wrong, from the seed
 *   controller.c  control's world: its disk, its death and return
 *   node.c        an agent's world: its death and return
 *   program.c     what ranks do: start, meet, step, save, end
 *   network.c     messages and links between agents and the controller
 *   meeting.c     how ranks meet at the store, in TCPStore's bytes
 *   check.c       what must always hold
 *   world.c       what happens later; a broken invariant
 *
 * Each calls those below it alone. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/arena.h"
#include "base/rng.h"
#include "control/control.h"
#include "ranks/machine.h"
#include "rendezvous/proxy.h"
#include "sim/meeting.h"
#include "sim/queue.h"
#include "sim/sim.h"

#define SIM_MS      1000000LL
#define SIM_S       1000000000LL
#define SIM_WALL_NS 1700000000000000000LL /* CLOCK_REALTIME when the simulation begins */

/* A rank: it starts, meets the others at the store, loads, trains. */
struct sim_rank {
    struct sim_node *node;
    uint32_t attempt; /* 0: there is no process */
    bool ignores_sigterm;
    uint32_t life; /* grows with each process: what was planned for an older one is void */
    struct meeting meeting;
    struct proxy_client *client;
};

/* An event of the agent that must be on disk when it is acknowledged. */
struct sim_exit {
    uint64_t number;
    uint32_t attempt;
    int64_t rank;
};

enum sim_way { SIM_DOWN, SIM_UP };

struct sim_node {
    struct sim *sim;
    uint32_t index;
    bool host_up, agent_up;
    bool link_up;         /* what is sent arrives */
    bool attached;        /* the agent holds its end of a link */
    bool greeted;         /* the controller has heard HELLO on this link */
    bool rival;           /* it hears an older controller at this moment */
    uint32_t agent_epoch; /* of its processes; grows with each death */
    uint32_t link_epoch;
    uint64_t incarnation, generation; /* generation: that it was welcomed by */
    int64_t clock_ns;                 /* its clock minus the true one */
    struct ranks_machine *machine;
    struct proxy *proxy;
    uint32_t proxy_attempt, spawned_attempt;
    struct sim_rank *ranks; /* nproc_max of them */
    uint32_t rank_count, first_rank, alive;
    uint32_t world;
    bool asked_to_stop;
    int64_t wake_ns;
    VEC(struct sim_exit) exits; /* not acknowledged */
    int64_t last_ns[2];         /* by way: when the last message arrives */
    int64_t stalled_ns[2];      /* by way: nothing arrives before */
    int64_t smooth_ns;          /* the end of the last stall, of either way */
    int64_t partitioned_ns;     /* no new link before */
    int64_t linked_ns;          /* when its link came up */
    int64_t back_ns;            /* not reachable until then; INT64_MAX: never again */
};

enum sim_deed_kind { SIM_SEND, SIM_LAUNCH, SIM_FORGET, SIM_END };

struct sim_deed {
    enum sim_deed_kind kind;
    uint32_t node;
    int exit_code;
    struct str bytes; /* malloc'ed */
};

/* What the controller said since its last commit. */
struct sim_batch {
    VEC(struct run_event) events; /* texts in `arena` */
    VEC(struct sim_deed) deeds;
    struct buf journal;
    uint32_t journal_attempt;
};

struct sim_disk {
    VEC(struct run_event) events;
    struct buf journal; /* of one attempt: older ones serve nobody */
    uint32_t journal_attempt;
    int64_t full_until_ns;
};

struct sim_program {
    uint32_t attempt; /* whose ranks train; 0: none */
    uint32_t met;
    bool broken;   /* a rank is gone */
    bool writing;  /* a checkpoint */
    bool stopping; /* it will save and leave at the next step */
    bool saving;   /* it will save at the next step */
    int64_t step, checkpoint_step, best_step;
    int64_t checkpoint_at_ns; /* when the last was begun */
    int64_t trained_ns;       /* useful or not */
    int64_t said_ns;          /* the last STATUS */
    int64_t best_ns;          /* when best_step grew */
    uint32_t epoch, torn, torn_told;
};

struct sim {
    struct sim_config config;
    struct rng rng;
    struct rng fate; /* of faults alone: the same misfortunes whatever else is different */
    struct sim_queue queue;
    int64_t now_ns, end_ns;
    struct arena *arena;
    const char **names;
    struct sim_node *nodes;
    struct control *control; /* NULL: it is dead */
    struct control *folded;  /* of the stored events alone, when there are checks */
    uint32_t controller_epoch;
    uint64_t generation;
    int64_t wake_ns;
    struct sim_batch batch, committing;
    bool is_committing;
    uint64_t commits;
    struct sim_disk disk;
    struct sim_program program;
    struct sim_result result;
    bool ended;
    uint8_t *spawned; /* by rank: in spawned_attempt */
    uint32_t spawned_attempt, checked_attempt;
    int64_t resume_step; /* of the newest START */
    struct err *err;     /* the first broken invariant */
    bool broken;
};

/* Something at a time from now. */
void sim_at(struct sim *sim, int64_t in_ns, struct sim_event event);
/* An exponential waiting time for so many an hour; INT64_MAX: never. */
int64_t sim_wait(struct sim *sim, double per_hour);
void sim_break(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t node_clock(const struct sim *sim, const struct sim_node *node);

void controller_start(struct sim *sim);
void controller_kill(struct sim *sim);
void controller_commit(struct sim *sim); /* when something was said and no commit runs */
void controller_done(struct sim *sim);

void node_launch(struct sim *sim, uint32_t node);
void node_kill_agent(struct sim *sim, uint32_t node);
void node_end(struct sim *sim, uint32_t node); /* the back end does, where it reaches the host */
void node_lose(struct sim *sim, uint32_t node, int64_t back_ns);
void node_done(struct sim *sim, uint32_t node);

void network_send(struct sim *sim, uint32_t node, enum sim_way way, struct str bytes);
void network_connect(struct sim *sim, uint32_t node); /* the agent tries until it succeeds */
void network_cut(struct sim *sim, uint32_t node, bool silent);
void network_leave(struct sim *sim, uint32_t node); /* the agent closes its end */
void network_stall(struct sim *sim, uint32_t node, enum sim_way way, int64_t until_ns);

/* Its process is there in_ns from now; and ends in_ns from now, unless it has ended before. */
void program_rank_begins(struct sim *sim, struct sim_rank *rank, int64_t in_ns);
void program_rank_dies(struct sim *sim, struct sim_rank *rank, int wait_status, int64_t in_ns);
void program_rank_hears(struct sim *sim, struct sim_rank *rank, struct str answer); /* the store */
void program_rank_ended(struct sim *sim, uint32_t attempt);
void program_asked(struct sim *sim, uint32_t attempt, uint32_t how); /* 1: to stop, 2: to save */

void faults_begin(struct sim *sim);
void check_spawn(struct sim *sim, uint32_t attempt, uint32_t rank, uint32_t world);
void check_signal(struct sim *sim, uint32_t node); /* of the agent to its ranks */
void check_ack(struct sim *sim, uint32_t node, uint64_t number);
void check_all(struct sim *sim);
void check_start(struct sim *sim, uint32_t node, const struct msg_start *start);
void check_obeys(struct sim *sim, uint32_t node);  /* before it does as it was told */
void check_return(struct sim *sim, uint32_t node); /* its link is up */
void check_fold(struct sim *sim);                  /* all that was said is stored */
void check_end(struct sim *sim, int exit_code);
void check_progress(struct sim *sim);

#endif
