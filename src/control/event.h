/* control/event - what can happen to a run: one table of kinds, and the struct they share.
 *
 * Events are the truth of a run: its state is control_apply folded over them. On disk they are rows
 * of the store (store/store.h) with the kind's numbers by name in a JSON object. A kind keeps its
 * name and its fields for ever; new fields may be added. */
#ifndef CONTROL_EVENT_H
#define CONTROL_EVENT_H

#include "base/arena.h"
#include "base/str.h"
#include "store/store.h"

#include <stdint.h>

#define RUN_EVENT_TEXT_MAX 4096       /* longer is cut */
#define RUN_EVENT_LIST_MAX (1u << 20) /* of EV_ATTEMPT_BEGUN alone, which must be whole */

enum run_event_kind {
    EV_NONE,
    EV_RUN_CREATED,        /* a: nodes, b: world; text: the command */
    EV_CONTROLLER_STARTED, /* a: generation, b: pid */
    EV_NODE_STARTING,      /* node */
    EV_NODE_UP,            /* node; a: incarnation, b: cpus, c: gpus; text: host */
    EV_NODE_DOWN,          /* node; a link broke, its ranks may live; text: why */
    EV_NODE_LOST,          /* node; it counts as dead; text: why */
    EV_NODE_EXCLUDED,      /* node; left out from now on; text: why */
    EV_NODE_CLOCK,         /* node; a: offset ns (its clock minus ours), b: +- ns */
    EV_ATTEMPT_BEGUN,     /* a: nodes, b: world, c: resume step; text: nodes in rank order by index,
                             "0-62,64" */
    EV_NODE_SWAPPED,      /* node: the new one; a: node rank, b: the old one; text: "ranks 96-103:
                             n013 -> n065" */
    EV_CHECKPOINT_CHOSEN, /* a: step; text: path; empty: from the beginning */
    EV_CHECKPOINT_QUARANTINED, /* text: "old -> new (why)" */
    EV_CHECKPOINT_SAVED,       /* rank; a: step; text: path */
    EV_RANKS_STARTED,          /* node; a: how many */
    EV_SPAWN_FAILED,           /* node; a: errno; text: empty when another node has said it */
    EV_ATTEMPT_RUNNING,        /* every rank of every node runs */
    EV_RENDEZVOUS,             /* every rank has spoken to the store */
    EV_STEP,          /* a: step; the first of the attempt, then on each new best at most once
                         a minute: what progress is judged by */
    EV_PHASE_ENDED,   /* a: enum run_phase, b: how long, ns; of a restart's pipeline */
    EV_RANK_EXITED,   /* rank, node; a: wait status; b: 0 by itself, 1 ours, 2 OOM killer;
                         text: last words */
    EV_NODE_EMPTY,    /* node; a: stragglers killed */
    EV_FAILED,        /* rank, node: the first cause; a: enum run_cause, b: wait status, c: ns to
                         the next death, 0: there is none, -1: not certain that it was the first;
                         text: the sentence. Between attempts: why the run ends */
    EV_STOP_ASKED,    /* a: enum stop_how, b: enum run_cause of the end; text: who or why */
    EV_ATTEMPT_ENDED, /* a: 0 all ranks exited 0, 1 failed, 2 stopped */
    EV_HONOURED,      /* rank; a: 1 it saved before it left */
    EV_HANG,          /* a: ns without a step; text: who waits for what */
    EV_WAITING,       /* text: "waiting for ranks 96-103 (n013): never connected" */
    EV_NOTE,          /* text */
    EV_RUN_ENDED,     /* a: exit code; text: headline */
    EV_KIND_COUNT,
};

/* The pipeline of a restart, in order. */
enum run_phase {
    PHASE_DETECT,     /* the first death to our knowing it */
    PHASE_ABORT,      /* until every node was told */
    PHASE_DRAIN,      /* until nothing of the attempt is alive */
    PHASE_CHECK,      /* which checkpoint */
    PHASE_SWAP,       /* until enough nodes are there */
    PHASE_SPAWN,      /* until every rank runs */
    PHASE_RENDEZVOUS, /* until every rank has spoken to the store (none do: not measured) */
    PHASE_LOAD,       /* until the program says step or the first step is seen */
    PHASE_FIRST_STEP, /* until the first step is done */
    PHASE_COUNT,
};

struct run_event {
    enum run_event_kind kind;
    uint64_t seq;
    int64_t at_ns, uncertain_ns; /* controller's CLOCK_REALTIME */
    uint32_t attempt;
    int64_t node, rank; /* -1: none */
    int64_t a, b, c;
    struct str text;
};

struct run_event_row {
    const char *name;      /* "rank.exited" */
    const char *fields[3]; /* JSON names of a, b, c; NULL: unused */
};
extern const struct run_event_row run_event_rows[EV_KIND_COUNT];

const char *run_phase_name(enum run_phase phase);

/* To the store's form and back; texts in `arena`. A kind that is not known becomes EV_NONE. */
int run_event_to_store(struct arena *arena, const struct run_event *event, struct store_event *out);
int run_event_from_store(struct arena *arena, const struct store_event *event,
                         struct run_event *out);

/* A line for people: "14:02:11.381 attempt 2 n003 rank 17 exited 1: ValueError: boom". */
void run_event_print(const struct run_event *event, const char *node_name, struct buf *out);

#endif
