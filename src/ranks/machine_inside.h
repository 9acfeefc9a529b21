/* ranks/machine_inside - the machine's state, for its own files, lowest first: machine_say (what it
 * tells the controller), machine_attempt (the table of states, an attempt's begin and end),
 * machine_settle (what follows from the time), and the inputs: machine (of the world),
 * machine_messages (what the controller says). */
#ifndef RANKS_MACHINE_INSIDE_H
#define RANKS_MACHINE_INSIDE_H

#include "base/arena.h"
#include "job/job.h"
#include "ranks/machine.h"
#include "ranks/outbox.h"

#define MACHINE_MS    INT64_C(1000000)
#define LEAVE_WHY_MAX 256

enum state { IDLE, STARTING, RUNNING, ENDING, LEFT };
enum input { IN_START, IN_STARTED, IN_SPAWN_FAILED, IN_END, IN_LAST_EXIT, IN_EMPTY, IN_LEAVE };

/* In order of force: a gentler wish never takes back a stronger one. */
enum end { END_NONE, END_POLITE, END_ABORT, END_KILL };
/* Why we leave, a stronger reason replaces a weaker: the hold is over (a controller that comes back
 * before the ranks are gone takes us on); the agent was asked to; the controller says so. */
enum leave { STAY, LEAVE_HOLD, LEAVE_ASKED, LEAVE_TOLD };
enum link_state { LINK_DOWN, LINK_UP, LINK_WELCOMED };

struct machine_rank {
    bool alive, page_used, stop_seen;
    bool terminated; /* SIGTERM was sent */
    bool saved;      /* a checkpoint, since the end began */
    int forwarded;   /* the last signal that the user sent it; 0: none */
};

struct ranks_machine {
    struct ranks_self self;
    struct arena *self_texts;
    struct ranks_world world;
    enum state state;
    uint32_t attempt;      /* at hand; 0: none yet */
    uint32_t attempt_seen; /* the highest heard of: an older START is never obeyed */

    /* of the attempt at hand */
    struct arena *texts; /* of `start` */
    struct msg_start *start;
    struct machine_rank *ranks; /* start->nproc */
    uint32_t alive;
    bool all_well;        /* every exit so far was 0 */
    enum end end, wanted; /* wanted: carried out once the ranks have started */
    int64_t wanted_grace_ns, grace_ns, grace_from_ns;
    int64_t end_began_ns, term_at_ns, kill_at_ns; /* 0: not due */
    int64_t kill_began_ns;                        /* the first SIGKILL; 0: none yet */
    bool unkillable_told;

    /* What comes when it is over: a newer attempt, to be started or only said to be empty. */
    struct arena *next_texts;
    struct msg_start *next; /* NULL with next_attempt: it was stopped before it began */
    uint32_t next_attempt;
    enum leave leave;
    char leave_why[LEAVE_WHY_MAX];

    enum link_state link;
    char data_addr[64];
    uint64_t generation;
    int64_t heartbeat_ns, hold_ns;
    int64_t heard_ns;      /* the last message, or the link's begin */
    int64_t alone_from_ns; /* no controller has welcomed us since; -1: one has, 0: not begun */
    struct outbox outbox;
    int64_t now_ns;     /* of the input at hand */
    int64_t wake_at_ns; /* the wish that stands; 0: none */
};

/* machine_say: events and HELLO. */
void machine_emit(struct ranks_machine *m, const struct msg_event *event);
void machine_emit_node(struct ranks_machine *m, enum agent_event kind, uint32_t attempt, int64_t a,
                       struct str text);
void machine_note(struct ranks_machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* All events that wait, again. */
void machine_resend(struct ranks_machine *m);
void machine_send_hello(struct ranks_machine *m);

/* machine_attempt: the table of states. False: the input means nothing now. */
bool machine_step(struct ranks_machine *m, enum input input);
/* Begin what `next` holds, when nothing lives; end what is at hand. */
void machine_begin_next(struct ranks_machine *m);
void machine_forget_next(struct ranks_machine *m);
void machine_want(struct ranks_machine *m, enum end end, int64_t grace_ns);
void machine_serve_end(struct ranks_machine *m);
void machine_attempt_over(struct ranks_machine *m, int64_t stragglers);
void machine_forget_attempt(struct ranks_machine *m);

/* machine_settle: an input begins; false: we have left. It ends with what follows from the state
 * and the time, which may safely be done twice. */
bool machine_enter(struct ranks_machine *m, int64_t now_ns);
void machine_settle(struct ranks_machine *m);
void machine_lose_link(struct ranks_machine *m);
void machine_set_leave(struct ranks_machine *m, enum leave leave, struct str why);

#endif
