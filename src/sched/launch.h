/* sched/launch - agents on nodes: started, watched, ended, by a back end that is a table.
 *
 * The agent is started as `firstlight-agent run --controller ADDR:PORT[,ADDR:PORT] --node INDEX`
 * with the run's key as the first line of its stdin (framed back ends: by a 0600 file that is
 * removed when read), never in argv or environment. What it prints to stderr is its complaint.
 *
 *   local  N agents on this machine, as children
 *   ssh    the executable copied once a host (kept under its hash in a folder of the user's, so a
 *          second run copies nothing), then started; above 32 hosts in a tree: a host that has it
 *          hands it on to others as far as its own ssh keys allow, else the head does
 *   slurm  one srun for all; its tasks find their index by name
 *   join   nobody is started: agents come by themselves with address and key (Kubernetes, tests)
 */
#ifndef SCHED_LAUNCH_H
#define SCHED_LAUNCH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct launch;

struct launch_request {
    struct event_base *base;
    const char *const *names; /* hosts; for local "local-0" ... ; must outlive the launch */
    uint32_t count;
    const uint32_t *indices; /* of the names in the run; NULL: they count from 0 */
    const char *agent;       /* path of the executable for this machine */
    const char *addresses;   /* "10.0.0.1:4711,192.168.0.1:4711" */
    const char *key;         /* text form */
    const char *run;         /* id */
    const char *run_dir;     /* the run's folder on this machine (for sockets, key files) */
    const char *const *ssh_options;
    size_t ssh_option_count;
    const char *const *slurm_options;
    size_t slurm_option_count;
    int connect_timeout_s;
    unsigned fanout;
    /* We help somebody who can start them too: where the first few can't be reached, none is tried
     * any more. */
    bool helps;
    void (*runs)(void *data, uint32_t node); /* its agent was started; optional */
    bool tie_stdin; /* the first node's agent gets our standard input; local only */
    /* An agent could not be started, or its starter's process ended: one sentence. The controller
     * knows by its links which agents live; this says why one doesn't. */
    void (*failed)(void *data, uint32_t node, const char *sentence);
    void *data;
};

struct launch_backend {
    const char *name;
    bool remote; /* agents run on other machines: they need addresses that reach us */
    int (*open)(struct launch *launch, struct err *err); /* optional */
    /* Start the agents of these nodes (again: the old one is known to be dead or is ended). */
    int (*start)(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err);
    void (*end)(struct launch *launch, uint32_t node); /* by force; optional */
    void (*finish)(struct launch *launch);             /* optional */
    void (*close)(struct launch *launch);              /* what still runs is left to itself */
};

struct launch {
    const struct launch_backend *backend;
    struct launch_request request;
    void *state; /* the back end's */
};

const struct launch_backend *launch_backend_find(const char *name);
extern const struct launch_backend launch_local, launch_join, launch_ssh, launch_slurm;

/* launch_words.c: the index in the run of names[node]. */
uint32_t launch_index(const struct launch_request *request, uint32_t node);

/* The agent's words from "run" on, for back ends: NULL-terminated, in `arena`; NULL when there is
 * no memory. `node`: "12", or "@n[001-064]" where the agent finds its own place. `folder` NULL: the
 * agent's own choice, in its user's state folder. */
const char **launch_agent_words(struct arena *arena, const struct launch_request *request,
                                const char *node, const char *folder);

int launch_open(struct launch *launch, const char *backend, const struct launch_request *request,
                struct err *err);
int launch_start(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err);
void launch_end(struct launch *launch, uint32_t node);
/* The run is over and its agents have left: whatever waits on for a host that is dead is ended. */
void launch_finish(struct launch *launch);
void launch_close(struct launch *launch);

#endif
