/* ranks/machine - the node's half of a run as a state machine: it decides, it does nothing.
 *
 * Inputs are calls with the time; what is to be done goes out through `struct ranks_world`, which
 * the agent's loop (ranks/serve.c) and the simulator implement. No call of the world may call back
 * into the machine: results come as later inputs. An input that means nothing in the state at hand
 * changes nothing.
 *
 *   IDLE -> STARTING -> RUNNING -> ENDING -> IDLE     (one attempt)
 *
 * An attempt's end is NODE_EMPTY: all ranks reaped and nothing of theirs left alive. A START while
 * an older attempt lives ends that first. A STOP of an attempt that was never started here fences
 * it: EMPTY is the answer, and its START, should it still come, is ignored. Events are kept until
 * they are acknowledged and are sent again after each reconnect, in order. Without a controller for
 * hold_ms: the ranks are stopped politely, then killed, and the agent leaves.
 *
 * Ranks in messages are the job's, in calls they are the node's (from 0). */
#ifndef RANKS_MACHINE_H
#define RANKS_MACHINE_H

#include "base/err.h"
#include "ranks/own_ports.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

/* Events kept without acknowledgement; then notes, phases and checkpoints are dropped, and counted;
 * never what a run's end depends on. */
#define RANKS_EVENTS_MAX 65536
#define RANKS_HOLD_MS    600000 /* until the first WELCOME says how long */
#define RANKS_WELCOME_MS 10000  /* a controller that does not answer HELLO for so long is cut */
#define RANKS_DRAIN_MS   1000   /* for what ranks that all exited 0 left running */
#define RANKS_GRACE_MS   60000  /* of a polite stop that nobody asked for by STOP */

struct ranks_machine;

struct ranks_world {
    void *data;
    /* Start all ranks; `start` lives until NODE_EMPTY. Later: ranks_started or spawn_failed. */
    void (*spawn)(void *data, const struct msg_start *start);
    void (*signal)(void *data, uint32_t local_rank, int signo); /* to the rank's process alone */
    void (*signal_group)(void *data, int signo); /* to every process of the attempt */
    /* The pages' should_stop: 1 in a polite stop, 2 for STOP_SAVE. */
    void (*ask_stop)(void *data, uint32_t how);
    /* The attempt's rendezvous store: open before spawn, thrown away at its end. */
    void (*store_open)(void *data, const struct msg_start *start);
    void (*store_close)(void *data);
    void (*store_answer)(void *data, struct str bytes);
    void (*store_link_up)(void *data);
    void (*find_checkpoint)(void *data, const struct msg_find_checkpoint *ask);
    void (*log_read)(void *data, const struct msg_log_read *ask);
    void (*log_credit)(void *data, uint64_t bytes);
    void (*send)(void *data, const struct message *message); /* dropped when there is no link */
    /* Close the link: it is silent, or of a controller that must not be obeyed. */
    void (*cut)(void *data, const char *why);
    void (*wake)(void *data, int64_t at_ns);    /* ranks_tick then; the earliest wish counts */
    void (*leave)(void *data, const char *why); /* clean up and exit */
};

struct ranks_self {
    uint32_t node;
    uint64_t incarnation;
    const char *host, *boot_id;
    int64_t pid;
    uint32_t cpus, gpus;
    uint16_t ports[OWN_PORTS];
};

/* Copies what it is given. NULL when there is no memory. */
struct ranks_machine *ranks_machine_new(const struct ranks_self *self,
                                        const struct ranks_world *world);
void ranks_machine_free(struct ranks_machine *machine);

/* The link is up: HELLO goes out. Down: the hold begins. data_addr: ours on this link. */
void ranks_link_up(struct ranks_machine *machine, const char *data_addr, int64_t now_ns);
void ranks_link_down(struct ranks_machine *machine, int64_t now_ns);
void ranks_message(struct ranks_machine *machine, const struct message *message, int64_t now_ns);
void ranks_tick(struct ranks_machine *machine, int64_t now_ns);

/* What the world reports. */
void ranks_started(struct ranks_machine *machine, int64_t now_ns);
void ranks_spawn_failed(struct ranks_machine *machine, int error, const char *sentence,
                        int64_t now_ns);
/* exited_ns: when the pidfd told us. `oom`: the kernel's OOM killer did it. */
void ranks_exited(struct ranks_machine *machine, uint32_t local_rank, int wait_status, bool oom,
                  struct str last_words, int64_t exited_ns, int64_t now_ns);
/* All is reaped and no descendant lives; stragglers were killed on the way. */
void ranks_empty(struct ranks_machine *machine, uint32_t stragglers, int64_t now_ns);
void ranks_checkpoint_saved(struct ranks_machine *machine, uint32_t local_rank, int64_t step,
                            struct str path, int64_t at_ns, int64_t now_ns);
void ranks_phase(struct ranks_machine *machine, uint32_t local_rank, uint32_t phase, int64_t at_ns,
                 int64_t now_ns);
/* Bytes of the checkpoint being written grew: the grace is extended (at most STOP's times ten). */
void ranks_checkpoint_grows(struct ranks_machine *machine, int64_t now_ns);
/* The rank's page has a writer, so it asks should_stop itself; it has asked and knows. A rank
 * without the first gets SIGTERM at once in a polite stop, one without the second later. */
void ranks_page_used(struct ranks_machine *machine, uint32_t local_rank);
void ranks_stop_seen(struct ranks_machine *machine, uint32_t local_rank);
void ranks_note(struct ranks_machine *machine, struct str text, int64_t now_ns);
/* The agent itself is asked to go (SIGTERM): politely, the second time by force. */
void ranks_ask_leave(struct ranks_machine *machine, const char *why, int64_t now_ns);

uint32_t ranks_attempt(const struct ranks_machine *machine); /* at hand; 0: none */
uint32_t ranks_alive(const struct ranks_machine *machine);
/* A controller has welcomed us on this link: STATUS, LOG and STORE_UP may go there. */
bool ranks_welcomed(const struct ranks_machine *machine);

#endif
