/* sched/launch_ssh_inside - what the ssh back end's files share: launch_ssh_host starts a host from
 * here, launch_relay has a host start others, launch_ssh says which by whom. */
#ifndef SCHED_LAUNCH_SSH_INSIDE_H
#define SCHED_LAUNCH_SSH_INSIDE_H

#include "base/map.h"
#include "sched/agent_copy.h"
#include "sched/launch.h"
#include "sched/process.h"
#include "sched/sched.h"

#define OWN_WORDS_MAX    64
#define ANSWER_TIMEOUT_S 60 /* from the start until a host says that the agent runs */

enum host_state { HOST_IDLE, HOST_WAITING, HOST_STARTING, HOST_RUNNING };

struct relay;

struct ssh_host {
    struct launch *launch;
    uint32_t node;
    enum host_state state;
    struct relay *via; /* that starts it, or has started it; NULL: we ourselves */
    bool again;        /* start it when the old one is over */
    struct process process;
    struct event *end; /* its pidfd */
    int pidfd;
    struct arena *arena; /* the words, while it lives */
    struct agent_lines lines;
    char words[SCHED_SENTENCE_BYTES]; /* the last that it said */
    struct ssh_host *next;
};

struct ssh {
    struct ssh_host *hosts, *first, **last; /* first, last: those that wait */
    struct map by_name;
    struct relay *relays;
    struct agent_copy copy;
    char *key;                       /* with its newline */
    unsigned starting, came, missed; /* came: that run, or ran; missed: that never did */
    struct arena *arena;
    const char *own[OWN_WORDS_MAX]; /* of $FIRSTLIGHT_SSH */
    size_t own_count;
};

/* launch_ssh_host.c */
const char *ssh_name(const struct ssh_host *host);
/* ssh's words for `command` there; NULL with a sentence. */
const char *const *ssh_words(struct launch *launch, struct arena *arena, const char *name,
                             const char *command, struct err *err);
/* It is behind the others that wait; as many begin as may at a time. */
void ssh_wait_for_turn(struct ssh *ssh, struct ssh_host *host);
void ssh_start_more(struct launch *launch);
void ssh_start_directly(struct ssh_host *host); /* both */
void ssh_runs(struct ssh_host *host);
void ssh_over(struct ssh_host *host, const char *sentence);
/* What belongs to its ssh, which is no more. */
void ssh_forget(struct ssh_host *host);

/* launch_relay.c: hosts[0] starts its own agent and those of the others, as far as it can reach
 * them; the rest come back to ssh_start_directly. */
int relay_start(struct launch *launch, struct ssh_host *const *hosts, uint32_t count,
                struct err *err);
void relay_end_host(struct ssh_host *host);
void relay_finish_all(struct relay *first);
void relay_leave(struct relay *relay);

#endif
