/* ranks/attempt - one attempt in the agent: its job, its ranks' processes, their store, what they
 * print and where they are. The machine (ranks/machine.h) decides; this carries out. */
#ifndef RANKS_ATTEMPT_H
#define RANKS_ATTEMPT_H

#include "base/arena.h"
#include "base/err.h"
#include "ranks/live_output.h"
#include "ranks/machine.h"
#include "ranks/rank_status.h"
#include "ranks/spawn.h"
#include "ranks/store_port.h"

#include <event2/event.h>

struct attempt;

/* What all attempts of an agent share. */
struct attempt_host {
    struct event_base *base;
    struct ranks_machine *machine;
    uint64_t incarnation;
    const char *run, *node_name, *folder, *page_folder;
    uint64_t *credit; /* for live output */
    void *data;
    void (*send)(void *data, const struct message *message);
    bool (*mine)(void *data, pid_t pid); /* a child of ours that is no rank's */
};

/* The store is open when this returns (its port is taken) and the job is read. What went wrong is
 * kept for attempt_spawn. `start` must outlive it. NULL: no memory. */
struct attempt *attempt_new(const struct attempt_host *host, const struct msg_start *start);
void attempt_free(struct attempt *attempt);

/* Start its ranks. Returns 0 or a negative errno with a sentence. */
int attempt_spawn(struct attempt *attempt, struct err *err);

/* NULL as long as there is none. */
struct spawn *attempt_spawned(struct attempt *attempt);
struct store_port *attempt_store(struct attempt *attempt);

void attempt_signal(struct attempt *attempt, uint32_t local_rank, int signo);
void attempt_signal_group(struct attempt *attempt, int signo);
void attempt_ask_stop(struct attempt *attempt, uint32_t how);

/* A few times a second: the ranks' pages, and whether a checkpoint grows while they are to end. */
void attempt_look(struct attempt *attempt);
/* Has a rank made a step, for the first time that this is asked? It ends the start of an attempt.
 */
bool attempt_first_step(struct attempt *attempt);
/* Send STATUS when it differs from the one sent last; `again`: to somebody who has not seen it. */
void attempt_tell_status(struct attempt *attempt, bool again);

#endif
