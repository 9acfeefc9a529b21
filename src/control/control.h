/* control/control - a run as a state machine: it decides, it does nothing.
 *
 *   GATHERING -> CHECKING -> SPAWNING -> RUNNING -> LEAVING -> ENDED
 *       ^___________________ ABORTING <__/  |
 *                            STOPPING <_____/
 *
 * Durable state changes only in control_apply, by events; decisions look at the state and make
 * events; what is to be done follows from the new state and may safely be done twice. So a
 * controller that died is started again, applies the stored events, and goes on with the agents
 * that come back. A run that has ended, but not well, is begun anew by that: from its newest
 * checkpoint, with all of its budget. What is not durable (links, clock offsets, where ranks are)
 * comes again with HELLO and STATUS.
 *
 * Output through `struct control_world`, in order. The world must make `event` and `journal`
 * durable before it carries out any `send`, `launch`, `forget` or `ended` that came after it, and
 * it never calls back into the machine from inside. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/err.h"
#include "control/event.h"
#include "control/exit.h"
#include "job/job.h"
#include "rendezvous/kv.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

enum run_state {
    RUN_GATHERING, /* agents are started; not enough have come */
    RUN_CHECKING,  /* which checkpoint to start from */
    RUN_SPAWNING,
    RUN_RUNNING,
    RUN_ABORTING, /* the attempt failed; its ranks are ended */
    RUN_STOPPING, /* the user's wish, or the time limit */
    RUN_LEAVING,  /* agents clean up and go */
    RUN_ENDED,
};

struct control;

struct control_world {
    void *data;
    void (*event)(void *data, const struct run_event *event);
    void (*metric)(void *data, const struct store_metric *metric);
    void (*journal)(void *data, uint32_t attempt, struct str bytes); /* of the attempt's kv */
    /* A rank of the attempt at hand has set this key of its store; NULL: nobody wants to know. The
     * texts are gone afterwards. */
    void (*stored)(void *data, struct str key, struct str value);
    void (*send)(void *data, uint32_t node, const struct message *message);
    void (*launch)(void *data, uint32_t node); /* start an agent there (again) */
    void (*forget)(void *data, uint32_t node); /* cut its link; end its agent by force */
    void (*wake)(void *data, int64_t at_ns);   /* control_tick then; the earliest wish counts */
    void (*log_data)(void *data, uint32_t node, const struct msg_log_data *log); /* an answer */
    void (*output)(void *data, uint32_t node, const struct msg_log *log);        /* live */
    void (*ended)(void *data, int exit_code);
};

struct control_config {
    const char *run;
    const struct job *job;
    const char *const *names;  /* of all nodes, spares among them; by index */
    const char *const *groups; /* topology, or NULL */
    uint32_t node_count;       /* >= job->nodes */
    uint64_t generation;
    int64_t pid; /* of this process, for the log */
};

struct control *control_new(const struct control_config *config, const struct control_world *world);
void control_free(struct control *control);

/* First all stored events (for the attempt at hand also its journal), then begin. */
void control_apply(struct control *control, const struct run_event *event);
int control_replay_journal(struct control *control, struct str journal, struct err *err);
/* Bytes of that journal that count: a torn end is to be cut off before more is appended. */
size_t control_journal_good(const struct control *control);
/* The attempt whose journal that is; 0: none is at hand. */
uint32_t control_attempt(const struct control *control);
/* clock: CLOCK_MONOTONIC and CLOCK_REALTIME of the same moment. All other times are monotonic. */
void control_begin(struct control *control, int64_t now_ns, int64_t wall_ns);

/* HELLO came on a new link; false with a sentence: cut it (an unknown node, a link of an older
 * incarnation, another version). A second link of a node replaces the first: what is sent from
 * inside this call is for the new one. */
bool control_agent_up(struct control *control, const struct msg_hello *hello, const char *peer,
                      int64_t now_ns, struct err *err);
void control_agent_down(struct control *control, uint32_t node, const char *why, int64_t now_ns);
/* The agent's process, or its starter's, ended: it is lost at once when its link is down too. */
void control_agent_failed(struct control *control, uint32_t node, const char *sentence,
                          int64_t now_ns);
void control_message(struct control *control, uint32_t node, const struct message *message,
                     int64_t now_ns);
void control_tick(struct control *control, int64_t now_ns);

enum control_wish { WISH_STOP, WISH_KILL, WISH_SAVE };
void control_wish(struct control *control, enum control_wish wish, const char *why, int64_t now_ns);
/* Unix time at which the allocation ends; a stop is begun stop_grace_s + 30 s before. */
void control_time_limit(struct control *control, int64_t ends_at_wall_ns);

/* A key of the attempt's store is set, or deleted, as by a rank. They make no event, and so may be
 * called from inside world.event too. Returns 0, -EAGAIN (no attempt is
 * spawning or running), -ENOSPC, -EMSGSIZE or -ENOMEM (see kv_set). */
int control_store_set(struct control *control, struct str key, struct str value, int64_t now_ns);
int control_store_delete(struct control *control, struct str key, int64_t now_ns);

/* What `run`'s live status, `attach` and the run's row show. Texts live until the next call. */
struct control_view {
    enum run_state state;
    enum run_cause cause;
    uint32_t attempt, attempts_without_progress;
    uint32_t nodes_up, nodes_wanted, spares_up;
    uint32_t ranks_running, world;
    int64_t step, total, tokens_per_s, eta_s; /* -1: not told */
    double loss;                              /* NaN: not told */
    const char *phase;                        /* of the program: "step"; "" */
    const char *waiting;  /* "waiting for ranks 96-103 (n013): never connected"; "" */
    const char *headline; /* one line in words */
    int64_t state_since_ns;
    int64_t ends_in_s; /* -1: no limit of time is known */
    int exit_code;     /* -1: not ended */
};
void control_view(struct control *control, int64_t now_ns, struct control_view *view);

/* Where a rank of the attempt at hand lives; -1. For LOG_READ. */
int64_t control_node_of_rank(const struct control *control, uint32_t rank);
/* The nodes of the attempt at hand by node rank, until it ends; NULL: none is. */
const uint32_t *control_nodes(const struct control *control, uint32_t *count);

/* Everything durable as text, for tests: two machines that hold the same print the same. */
void control_print_durable(const struct control *control, struct buf *out);

const char *run_state_name(enum run_state state); /* "running" */

#endif
