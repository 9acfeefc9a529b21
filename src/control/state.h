/* control/state - what the modules of this room share: the machine's memory.
 *
 * Two halves. `struct fold` is durable: control_apply alone writes it, from events. Everything else
 * is live: links, clocks, what STATUS said; it is lost with the process and comes again. All arrays
 * are made once, in control_new, for the largest attempt that can be. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "base/rng.h"
#include "control/cause.h"
#include "control/control.h"
#include "job/place.h"

#define SECOND_NS ((int64_t)1000000000)

#define WORDS_MAX     16  /* deaths of an attempt whose last line is kept for the sentence */
#define WORDS_BYTES   256 /* of each */
#define SENTENCE_MAX  1024
#define WHY_BYTES     160
#define PATH_BYTES    4096
#define ADDR_BYTES    64
#define PORTS_MAX     8
#define KEY_BYTES     256               /* of a store key that a rank waits for; longer is cut */
#define SAMPLES       12                /* of step and tokens, a second apart at least */
#define PROGRESS_NS   (600 * SECOND_NS) /* a run without steps: so long is progress */
#define STEP_EVERY_NS (60 * SECOND_NS)

enum blame { BLAME_NONE, BLAME_LOST, BLAME_DEATH, BLAME_TWICE, BLAME_SPAWN, BLAME_CHECK };

enum rank_end { RANK_LIVES, RANK_LEFT_WELL, RANK_DIED, RANK_LOST };

struct node_fact {
    uint64_t incarnation, previous; /* 0: never up */
    int32_t slot;                   /* its place in the layout; -1: a spare */
    int32_t node_rank;              /* in the attempt at hand; -1: not in it */
    uint32_t ended;                 /* ranks of the attempt that are no more */
    int32_t spawn_errno;
    enum blame blame;
    bool starting, up, lost, excluded;
    bool started, empty; /* in the attempt; a lost node counts as empty */
    bool settled;        /* its start is over, however it went */
};

struct death_words {
    uint32_t rank;
    char text[WORDS_BYTES];
};

struct fold {
    uint64_t seq, generation;
    enum run_state state; /* never RUN_CHECKING: a controller that starts again gathers again */
    int64_t created_at;   /* or begun anew; this and all other times here: wall clock */
    struct node_fact *nodes;
    uint32_t *slots; /* (job->nodes) the layout: which node has which place */

    /* the attempt at hand */
    uint32_t attempt, nnodes, world;
    uint32_t *assigned; /* (nnodes) node by node rank */
    uint8_t *rank_ends; /* (world) enum rank_end */
    uint32_t nodes_started, nodes_settled, nodes_empty;
    uint32_t ranks_ended, ranks_well, ranks_died; /* ended: these two, and those that were lost */
    uint32_t well_before,
        first_well; /* ranks that had left well when one died; the first of them */
    int64_t running_at, rendezvous_at, step_told_at;
    int64_t step; /* that was told last in this attempt; -1: none */
    bool progress;
    struct death *deaths; /* (death_count) at_ns is wall clock */
    size_t death_count;
    struct death_words words[WORDS_MAX];
    size_t word_count;
    bool hang;
    char spawn_text[SENTENCE_MAX], hang_text[SENTENCE_MAX];
    enum run_cause failed; /* why it failed, once named */
    char failed_text[SENTENCE_MAX];

    /* the run */
    int64_t best_step; /* -1: none was ever told */
    uint32_t without_progress;
    uint32_t attempts_before; /* of a run that had ended, and was begun anew */
    int64_t last_first;       /* node of the certain first death of the last failed attempt; -1 */
    int64_t resume_step;      /* of the checkpoint that was chosen last; -1 */
    char resume[PATH_BYTES], saved[PATH_BYTES];
    int64_t saved_step;
    enum run_cause cause, stop_cause; /* stop_cause: somebody wants the end */
    enum stop_how stop_how;
    char end_text[SENTENCE_MAX];
    int exit_code; /* -1: not ended */
};

struct node_live {
    struct clock_estimate clock;
    int64_t seen_ns;     /* its last message */
    int64_t ping_ns;     /* when the next PING is due */
    int64_t return_ns;   /* without a link: lost then; 0: nothing is awaited */
    int64_t launched_ns; /* 0: not being started */
    int64_t relaunch_ns; /* not before */
    uint64_t seen_event; /* number of its last event */
    uint32_t burst;      /* PINGs that follow soon, for a good first clock */
    uint32_t backoff_s;
    uint32_t attempt;         /* that lives there */
    bool hello;               /* it has spoken to this controller */
    bool linked, clean, gone; /* clean: nothing old lives there; gone: its process has ended */
    bool ack_due, clock_told, garbage;
    int64_t clock_told_ns, told_offset_ns;
    char why[WHY_BYTES];       /* it is not there */
    char addr[ADDR_BYTES];     /* ours, that others reach it by */
    uint16_t ports[PORTS_MAX]; /* there, for a store that rank 0 hosts */
    uint32_t port_count;
};

struct rank_live {
    int64_t step, tokens;
    uint8_t phase;
    bool connected;
    char *wait; /* the key it waits for; NULL */
};

struct sample {
    int64_t at_ns, step, tokens;
};

struct control {
    struct control_config config;
    struct control_world world;
    struct fold fold;
    struct node_live *live;
    struct rank_live *ranks;
    struct str *hosts; /* (nnodes) names in rank order, for START */
    struct buf job_json;
    uint32_t nproc, world_max;
    uint32_t *listed; /* (job->nodes) scratch of the fold */
    bool *marks;      /* (node_count) scratch */

    int64_t now_ns, wall_minus_mono_ns, last_call_ns;
    int64_t wake_ns;           /* what the world was asked for */
    int64_t scan_ns;           /* the next look at every node */
    int64_t watch_ns;          /* ... at what lasts too long */
    int64_t entered_ns;        /* when this state was entered, or this controller began */
    int64_t mark_ns;           /* end of the restart's last phase; 0: not seen by this controller */
    int64_t known_ns;          /* the first failure of the attempt came to our knowledge; 0 */
    enum run_state seen_state; /* that was acted on */
    uint32_t seen_attempt;
    enum stop_how seen_how;
    uint32_t linked, ready; /* ready: linked and clean */
    bool begun, entered, over, phases_done;
    struct {
        uint32_t *nodes;
        size_t count;
    } acks;
    int64_t ack_ns;

    /* gathering and checking */
    int64_t *plan; /* (job->nodes) node by slot; -1: nobody */
    uint32_t planned;
    bool checking, check_sent;
    bool nobody_comes; /* of an independent job: whoever is not there has failed to start */
    int64_t enough_ns; /* since when there are enough nodes; 0 */
    int64_t check_ns;  /* not asked before */
    uint32_t check_complaints;

    /* the store */
    struct kv *kv;
    uint32_t kv_attempt;
    int64_t kv_ns;
    size_t journal_good;

    /* progress */
    uint32_t connected;
    int64_t connected_ns; /* when the last one was; imports take their time, of all alike */
    int64_t reporter;     /* lowest rank that says steps; -1 */
    int64_t total, tokens, metric_step, metric_told, metric_ns,
        step_ns; /* step_ns: the last new step */
    double loss;
    struct sample samples[SAMPLES];
    size_t sample_count;
    int64_t load_ns;                     /* the load is over: the program says step */
    int64_t save_ns;                     /* the next "save now" of checkpoint_every_s */
    int64_t ends_wall_ns, limit_wall_ns; /* 0: no limit of time */

    /* words */
    char waiting[SENTENCE_MAX], waiting_told[SENTENCE_MAX], headline[SENTENCE_MAX];
    int64_t waiting_ns, waiting_told_ns;
};

/* apply.c */
uint32_t fold_ranks_of(const struct control *control, uint32_t node, uint32_t *first);

/* emit.c: an event is told to the world and folded in. */
struct run_event event_of(enum run_event_kind kind);
void control_emit(struct control *control, struct run_event event);
void control_say(struct control *control, enum run_event_kind kind, int64_t node,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
void control_phase(struct control *control, enum run_phase phase);
const char *control_node_name(void *control, uint32_t node);
/* "n[013-015]"; "" when there is no memory */
void control_print_nodes(const struct control *control, const uint32_t *nodes, size_t count,
                         struct buf *out);
/* The ranks of this attempt that `has`: "ranks 0-7,9", and with `nodes` " (n001)". Returns them. */
uint32_t control_print_ranks(const struct control *control, bool nodes,
                             bool (*has)(const struct control *control, uint32_t rank,
                                         const void *),
                             const void *data, struct buf *out);
void control_wake(struct control *control, int64_t at_ns);

/* presence.c: who is here. */
void node_count(struct control *control, uint32_t node, bool linked, bool clean);
bool node_is_ready(const struct control *control, uint32_t node); /* for a new attempt's ranks */
void node_print_missing(const struct control *control, struct buf *out);

/* decide.c: look at the state, make events, until nothing follows from it any more; then act. */
void control_settle(struct control *control);
/* gather.c */
void gather_begin(struct control *control);
void gather_decide(struct control *control);
void gather_checkpoint(struct control *control, const struct msg_checkpoint *found);
void gather_drop_plan(struct control *control);
/* act.c: what a state asks for; may be done twice. */
void act_on_state(struct control *control);
void act_on_force(struct control *control);
void act_on_node(struct control *control, uint32_t node);
void act_on_first(struct control *control, uint32_t node);
void act_save(struct control *control, const char *why);
void act_leave_bound(struct control *control);
/* nodes.c */
void nodes_scan(struct control *control);
void node_link_lost(struct control *control, uint32_t node);
void node_lost(struct control *control, uint32_t node, const char *why);
void node_ping(struct control *control, uint32_t node);
void node_pong(struct control *control, uint32_t node, const struct msg_pong *pong);
void node_ack_later(struct control *control, uint32_t node);
void nodes_acknowledge(struct control *control);
void node_failed_to_start(struct control *control, uint32_t node, const char *why);
/* agent_event.c */
void agent_event_take(struct control *control, uint32_t node, const struct msg_event *event);
/* verdict.c: how an attempt ended, and whether there is another. */
void verdict_failed(struct control *control);
bool verdict_run_over(struct control *control);
/* steps.c */
void steps_reset(struct control *control);
void steps_status(struct control *control, uint32_t node, const struct msg_status *status);
void steps_phase(struct control *control, int64_t phase, int64_t at_ns);
void steps_tell_best(struct control *control);
void steps_watch(struct control *control);
double steps_rate(const struct control *control, bool tokens); /* a second; < 0: not known */
/* waiting.c */
void waiting_watch(struct control *control);
/* watch.c: what lasts too long */
void watch_tick(struct control *control);
/* meeting.c: the rendezvous store */
void meeting_open(struct control *control);
void meeting_close(struct control *control);
int meeting_set(struct control *control, struct str key, struct str value);
int meeting_delete(struct control *control, struct str key);
void meeting_take(struct control *control, uint32_t node, const struct msg_store *up);
void meeting_node_up(struct control *control, uint32_t node);
void meeting_tick(struct control *control);

#endif
