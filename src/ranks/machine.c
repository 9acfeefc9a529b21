#include "ranks/machine.h"
#include "base/arena.h"
#include "ranks/outbox.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MS              INT64_C(1000000)
#define SILENT_BEATS    3
#define LEAVE_WHY_MAX   256
#define GRACE_TIMES_MAX 10
#define KILL_AGAIN_MS   1000  /* what a SIGKILL missed: it forked at that moment */
#define UNKILLABLE_MS   10000 /* then we say so, once */
#define HELD_BY_KERNEL  "processes still live %d s after SIGKILL: the kernel holds them"

enum state { IDLE, STARTING, RUNNING, ENDING, LEFT };
enum input { IN_START, IN_STARTED, IN_SPAWN_FAILED, IN_END, IN_LAST_EXIT, IN_EMPTY, IN_LEAVE };

/* In order of force: a gentler wish never takes back a stronger one. */
enum end { END_NONE, END_POLITE, END_ABORT, END_KILL };
/* Why we leave, a stronger reason replaces a weaker: the hold is over (a controller that comes back
 * before the ranks are gone takes us on); the agent was asked to; the controller says so. */
enum leave { STAY, LEAVE_HOLD, LEAVE_ASKED, LEAVE_TOLD };
enum link_state { LINK_DOWN, LINK_UP, LINK_WELCOMED };

struct rank {
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
    struct rank *ranks; /* start->nproc */
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

/* The state machine. A pair that is not here changes nothing. */
static bool step(struct ranks_machine *m, enum input input)
{
    static const struct {
        enum state from;
        enum input on;
        enum state to;
    } table[] = {
        {IDLE, IN_START, STARTING},      {STARTING, IN_STARTED, RUNNING},
        {RUNNING, IN_END, ENDING},       {STARTING, IN_SPAWN_FAILED, IDLE},
        {ENDING, IN_END, ENDING}, /* by more force */
        {RUNNING, IN_LAST_EXIT, ENDING}, {ENDING, IN_LAST_EXIT, ENDING},
        {ENDING, IN_EMPTY, IDLE},        {IDLE, IN_LEAVE, LEFT},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].from == m->state && table[i].on == input) {
            m->state = table[i].to;
            return true;
        }
    return false;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The earlier of two deadlines, where 0 is none. */
static int64_t due(int64_t a, int64_t b)
{
    return !a ? b : !b ? a : sooner(a, b);
}

static void send_event(struct ranks_machine *m, const struct msg_event *event)
{
    if (m->link == LINK_WELCOMED)
        m->world.send(m->world.data, &(struct message){.id = MSG_EVENT, .event = *event});
}

static void leave_now(struct ranks_machine *m, const char *why)
{
    m->state = LEFT;
    m->world.leave(m->world.data, why);
}

static void emit(struct ranks_machine *m, const struct msg_event *event)
{
    bool may_drop = event->kind == AGENT_NOTE || event->kind == AGENT_PHASE ||
                    event->kind == AGENT_CHECKPOINT_SAVED;
    const struct msg_event *kept;

    if (outbox_add(&m->outbox, event, RANKS_EVENTS_MAX, may_drop, &kept) < 0)
        leave_now(m, "no memory for an event"); /* the node then counts as lost, which is true */
    else if (kept)
        send_event(m, kept);
}

static void note(struct ranks_machine *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct ranks_machine *m, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    emit(m, &(struct msg_event){.kind = AGENT_NOTE,
                                .attempt = m->attempt,
                                .rank = -1,
                                .at_ns = m->now_ns,
                                .text = str_of(text)});
}

static void emit_node(struct ranks_machine *m, enum agent_event kind, uint32_t attempt, int64_t a,
                      struct str text)
{
    emit(m, &(struct msg_event){.kind = kind,
                                .attempt = attempt,
                                .rank = -1,
                                .at_ns = m->now_ns,
                                .a = a,
                                .text = text});
}

static void resend(struct ranks_machine *m)
{
    const struct msg_event *event;

    for (size_t i = 0; (event = outbox_at(&m->outbox, i)) != NULL; i++)
        send_event(m, event);
}

static bool copy_text(struct arena *arena, struct str from, struct str *to)
{
    *to = (struct str){arena_copy(arena, from.p, from.len), from.len};
    return to->p != NULL;
}

/* The START outlives the message it came in. NULL: no memory. */
static struct msg_start *copy_start(struct arena *arena, const struct msg_start *from)
{
    struct msg_start *to = arena_alloc(arena, sizeof(*to));
    struct str *hosts = arena_alloc(arena, from->hosts.count * sizeof(*hosts) + 1);

    if (!to || !hosts)
        return NULL;
    *to = *from;
    to->hosts.items = hosts;
    for (uint32_t i = 0; i < from->hosts.count; i++)
        if (!copy_text(arena, from->hosts.items[i], &hosts[i]))
            return NULL;
    return copy_text(arena, from->job, &to->job) && copy_text(arena, from->run, &to->run) &&
                   copy_text(arena, from->resume, &to->resume) &&
                   copy_text(arena, from->master_addr, &to->master_addr)
               ? to
               : NULL;
}

static void forget_next(struct ranks_machine *m)
{
    arena_free(m->next_texts);
    m->next_texts = NULL;
    m->next = NULL;
    m->next_attempt = 0;
}

static void forget_attempt(struct ranks_machine *m)
{
    arena_free(m->texts);
    m->texts = NULL;
    m->start = NULL;
    m->ranks = NULL;
    m->alive = 0;
    m->end = m->wanted = END_NONE;
    m->end_began_ns = m->term_at_ns = m->kill_at_ns = m->kill_began_ns = 0;
    m->unkillable_told = false;
}

static void want(struct ranks_machine *m, enum end end, int64_t grace_ns)
{
    if (end <= m->wanted || m->state == IDLE || m->state == LEFT)
        return;
    m->wanted = end;
    m->wanted_grace_ns = grace_ns;
}

/* The attempt is over: nothing of it lives. */
static void attempt_over(struct ranks_machine *m, int64_t stragglers)
{
    m->world.store_close(m->world.data);
    emit_node(m, AGENT_NODE_EMPTY, m->attempt, stragglers, STR(""));
    forget_attempt(m);
}

static bool make_ranks(struct ranks_machine *m)
{
    const struct msg_start *start = m->start;

    if (start->nproc == 0 || start->nproc > RANKS_NPROC_MAX || start->nproc > start->world ||
        start->first_rank > start->world - start->nproc) {
        emit_node(m, AGENT_SPAWN_FAILED, m->attempt, EINVAL,
                  STR("START is for ranks that its world does not have"));
        return false;
    }
    m->ranks = arena_alloc(m->texts, start->nproc * sizeof(*m->ranks));
    if (!m->ranks)
        emit_node(m, AGENT_SPAWN_FAILED, m->attempt, ENOMEM, STR("no memory for the ranks"));
    return m->ranks != NULL;
}

/* IDLE, and a newer attempt waits. */
static void begin_next(struct ranks_machine *m)
{
    m->attempt = m->next_attempt;
    if (!m->next) {
        emit_node(m, AGENT_NODE_EMPTY, m->attempt, 0, STR(""));
        forget_next(m);
        return;
    }
    m->texts = m->next_texts;
    m->start = m->next;
    m->next_texts = NULL;
    forget_next(m);
    if (!make_ranks(m)) {
        emit_node(m, AGENT_NODE_EMPTY, m->attempt, 0, STR(""));
        forget_attempt(m);
        return;
    }
    m->all_well = true;
    (void)step(m, IN_START);
    m->world.store_open(m->world.data, m->start);
    m->world.spawn(m->world.data, m->start);
}

static void terminate(struct ranks_machine *m, uint32_t local_rank)
{
    m->ranks[local_rank].terminated = true;
    m->world.signal(m->world.data, local_rank, SIGTERM);
}

/* Ranks that do not know of the polite stop yet. */
static void terminate_unaware(struct ranks_machine *m, bool with_page)
{
    for (uint32_t i = 0; i < m->start->nproc; i++) {
        const struct rank *rank = &m->ranks[i];

        if (rank->alive && !rank->stop_seen && !rank->terminated && rank->page_used == with_page)
            terminate(m, i);
    }
}

/* Carry out the end that is wanted; once by its name, again only by more force. */
static void begin_end(struct ranks_machine *m)
{
    m->end = m->wanted;
    m->grace_ns = m->wanted_grace_ns;
    m->grace_from_ns = m->now_ns;
    m->term_at_ns = 0;
    if (!m->end_began_ns)
        m->end_began_ns = m->now_ns;
    if (m->end == END_KILL)
        m->kill_at_ns = m->now_ns;
    else if (m->alive > 0) /* what outlives the ranks has a time of its own: last_exit */
        m->kill_at_ns = m->now_ns + m->grace_ns;
    if (m->end == END_POLITE) {
        m->world.ask_stop(m->world.data, 1);
        m->term_at_ns = m->now_ns + m->grace_ns / 2;
        terminate_unaware(m, false);
    } else if (m->end == END_ABORT) {
        for (uint32_t i = 0; i < m->start->nproc; i++)
            if (m->ranks[i].alive)
                terminate(m, i);
    }
}

static void kill_all(struct ranks_machine *m)
{
    m->world.signal_group(m->world.data, SIGKILL);
    m->kill_at_ns = m->now_ns + KILL_AGAIN_MS * MS;
    m->term_at_ns = 0;
    if (!m->kill_began_ns)
        m->kill_began_ns = m->now_ns;
    if (!m->unkillable_told && m->now_ns - m->kill_began_ns >= UNKILLABLE_MS * MS) {
        m->unkillable_told = true;
        note(m, HELD_BY_KERNEL, UNKILLABLE_MS / 1000);
    }
}

static void serve_end(struct ranks_machine *m)
{
    if (m->wanted > m->end && step(m, IN_END))
        begin_end(m);
    if (m->state != ENDING)
        return;
    if (m->term_at_ns && m->now_ns >= m->term_at_ns) {
        m->term_at_ns = 0;
        terminate_unaware(m, true);
    }
    if (m->kill_at_ns && m->now_ns >= m->kill_at_ns)
        kill_all(m);
}

static void lose_link(struct ranks_machine *m)
{
    if (m->link == LINK_WELCOMED)
        m->alone_from_ns = m->now_ns;
    m->link = LINK_DOWN;
}

static int64_t silent_at(const struct ranks_machine *m)
{
    if (m->link == LINK_DOWN)
        return 0;
    if (m->link == LINK_UP)
        return m->heard_ns + RANKS_WELCOME_MS * MS;
    return m->heartbeat_ns ? m->heard_ns + SILENT_BEATS * m->heartbeat_ns : 0;
}

static void serve_link(struct ranks_machine *m)
{
    int64_t silent = silent_at(m);

    if (silent && m->now_ns >= silent) {
        lose_link(m);
        m->world.cut(m->world.data, "the controller is silent");
    }
}

static void set_leave(struct ranks_machine *m, enum leave leave, struct str why)
{
    if (leave <= m->leave)
        return;
    m->leave = leave;
    (void)snprintf(m->leave_why, sizeof(m->leave_why), "%.*s", STR_ARG(why));
    forget_next(m);
}

static int64_t hold_over_at(const struct ranks_machine *m)
{
    return m->alone_from_ns > 0 && !m->leave ? m->alone_from_ns + m->hold_ns : 0;
}

static void serve_hold(struct ranks_machine *m)
{
    int64_t over = hold_over_at(m);
    char why[64];

    if (!over || m->now_ns < over)
        return;
    (void)snprintf(why, sizeof(why), "no controller for %.0f s", (double)m->hold_ns / 1e9);
    set_leave(m, LEAVE_HOLD, str_of(why));
    if (m->state != IDLE)
        note(m, "%s: the ranks are stopped", why);
    want(m, END_POLITE, RANKS_GRACE_MS * MS);
}

static bool enter(struct ranks_machine *m, int64_t now_ns)
{
    m->now_ns = now_ns;
    return m->state != LEFT;
}

/* What follows from the state and the time, after each input; may safely run twice. */
static void settle(struct ranks_machine *m)
{
    int64_t at;

    if (!m->alone_from_ns)
        m->alone_from_ns = m->now_ns > 0 ? m->now_ns : 1;
    serve_link(m);
    serve_hold(m);
    if (m->next_attempt || m->leave == LEAVE_TOLD)
        want(m, END_KILL, 0);
    serve_end(m);
    if (m->state == IDLE && m->next_attempt)
        begin_next(m);
    if (m->leave && step(m, IN_LEAVE))
        m->world.leave(m->world.data, m->leave_why);
    if (m->state == LEFT)
        return;
    at = due(due(silent_at(m), hold_over_at(m)), due(m->term_at_ns, m->kill_at_ns));
    if (at && (!m->wake_at_ns || at < m->wake_at_ns)) {
        m->wake_at_ns = at;
        m->world.wake(m->world.data, at);
    }
}

struct ranks_machine *ranks_machine_new(const struct ranks_self *self,
                                        const struct ranks_world *world)
{
    struct ranks_machine *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->self = *self;
    m->world = *world;
    m->hold_ns = RANKS_HOLD_MS * MS;
    outbox_init(&m->outbox);
    m->self_texts = arena_new(0);
    if (m->self_texts) {
        m->self.host = arena_copy(m->self_texts, self->host, strlen(self->host));
        m->self.boot_id = arena_copy(m->self_texts, self->boot_id, strlen(self->boot_id));
    }
    if (!m->self_texts || !m->self.host || !m->self.boot_id) {
        ranks_machine_free(m);
        return NULL;
    }
    return m;
}

void ranks_machine_free(struct ranks_machine *m)
{
    if (!m)
        return;
    forget_attempt(m);
    forget_next(m);
    outbox_done(&m->outbox);
    arena_free(m->self_texts);
    free(m);
}

static void send_hello(struct ranks_machine *m)
{
    struct arena *arena = arena_new(0);
    int64_t *alive = arena ? arena_alloc(arena, m->alive * sizeof(*alive) + 1) : NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; alive && m->start && i < m->start->nproc; i++)
        if (m->ranks[i].alive)
            alive[count++] = (int64_t)m->start->first_rank + i;
    if (alive)
        m->world.send(m->world.data, &(struct message){.id = MSG_HELLO,
                                                       .hello = {
                                                           .node = m->self.node,
                                                           .incarnation = m->self.incarnation,
                                                           .host = str_of(m->self.host),
                                                           .version = STR(FIRSTLIGHT_VERSION),
                                                           .boot_id = str_of(m->self.boot_id),
                                                           .pid = m->self.pid,
                                                           .cpus = m->self.cpus,
                                                           .gpus = m->self.gpus,
                                                           .generation = m->generation,
                                                           .attempt = m->attempt,
                                                           .empty = m->state == IDLE,
                                                           .ranks_alive = {alive, count},
                                                           .events_from = outbox_oldest(&m->outbox),
                                                           .data_addr = str_of(m->data_addr),
                                                       }});
    arena_free(arena);
}

void ranks_link_up(struct ranks_machine *m, const char *data_addr, int64_t now_ns)
{
    if (!enter(m, now_ns))
        return;
    lose_link(m);
    m->link = LINK_UP;
    (void)snprintf(m->data_addr, sizeof(m->data_addr), "%s", data_addr);
    m->heard_ns = now_ns;
    send_hello(m);
    settle(m);
}

void ranks_link_down(struct ranks_machine *m, int64_t now_ns)
{
    if (!enter(m, now_ns))
        return;
    lose_link(m);
    settle(m);
}

static void on_welcome(struct ranks_machine *m, const struct message *message)
{
    const struct msg_welcome *welcome = &message->welcome;

    if (welcome->generation < m->generation) {
        note(m, "a controller of generation %llu was refused: %llu is known",
             (unsigned long long)welcome->generation, (unsigned long long)m->generation);
        lose_link(m);
        m->world.cut(m->world.data, "a controller of an older generation");
        return;
    }
    m->generation = welcome->generation;
    m->heartbeat_ns = welcome->heartbeat_ms * MS;
    m->hold_ns = welcome->hold_ms * MS;
    m->link = LINK_WELCOMED;
    m->alone_from_ns = -1;
    if (m->leave == LEAVE_HOLD)
        m->leave = STAY;
    resend(m);
    if (m->state != IDLE)
        m->world.store_link_up(m->world.data);
}

static void on_start(struct ranks_machine *m, const struct message *message)
{
    const struct msg_start *start = &message->start;

    if (start->attempt == m->attempt_seen && start->attempt) {
        resend(m); /* of a controller that was started again and has not seen them */
        return;
    }
    if (start->attempt < m->attempt_seen || !start->attempt || m->leave)
        return;
    forget_next(m);
    m->attempt_seen = m->next_attempt = start->attempt;
    m->next_texts = arena_new(0);
    m->next = m->next_texts ? copy_start(m->next_texts, start) : NULL;
    if (!m->next)
        emit_node(m, AGENT_SPAWN_FAILED, start->attempt, ENOMEM, STR("no memory for the job"));
}

static void on_stop(struct ranks_machine *m, const struct message *message)
{
    static const enum end ends[] = {
        [STOP_ABORT] = END_ABORT, [STOP_POLITE] = END_POLITE, [STOP_KILL] = END_KILL};
    const struct msg_stop *stop = &message->stop;
    enum end end = stop->how < ARRAY_LEN(ends) ? ends[stop->how] : END_KILL;

    if (stop->attempt < m->attempt_seen || !stop->attempt)
        return;
    if (stop->how == STOP_SAVE) {
        if (stop->attempt == m->attempt && m->state == RUNNING)
            m->world.ask_stop(m->world.data, 2);
        return;
    }
    if (stop->attempt == m->attempt && !m->next_attempt) {
        want(m, end, stop->grace_ms * MS);
        if (m->state == IDLE)
            resend(m);
        return;
    }
    /* One that has not begun here, and now never will. */
    forget_next(m);
    m->attempt_seen = m->next_attempt = stop->attempt;
}

static void on_signal(struct ranks_machine *m, const struct message *message)
{
    const struct msg_signal *ask = &message->signal;

    if (ask->attempt != m->attempt || !m->start || !ask->signo || ask->signo > (uint32_t)SIGRTMAX)
        return;
    for (uint32_t i = 0; i < m->start->nproc; i++)
        if (m->ranks[i].alive &&
            (ask->rank < 0 || ask->rank == (int64_t)m->start->first_rank + i)) {
            m->ranks[i].forwarded = (int)ask->signo;
            m->world.signal(m->world.data, i, (int)ask->signo);
        }
}

static void on_ping(struct ranks_machine *m, const struct message *message)
{
    m->world.send(m->world.data, &(struct message){.id = MSG_PONG,
                                                   .pong = {.sent_ns = message->ping.sent_ns,
                                                            .agent_ns = m->now_ns}});
}

static void on_ack(struct ranks_machine *m, const struct message *message)
{
    uint64_t dropped = m->outbox.dropped;

    outbox_ack(&m->outbox, message->ack.event);
    if (dropped && m->outbox.count < RANKS_EVENTS_MAX) {
        m->outbox.dropped = 0;
        note(m, "%llu notes were dropped: too many waited", (unsigned long long)dropped);
    }
}

static void on_store(struct ranks_machine *m, const struct message *message)
{
    if (message->store.attempt == m->attempt && m->start)
        m->world.store_answer(m->world.data, message->store.bytes);
}

static void on_find(struct ranks_machine *m, const struct message *message)
{
    m->world.find_checkpoint(m->world.data, &message->find_checkpoint);
}

static void on_log_read(struct ranks_machine *m, const struct message *message)
{
    m->world.log_read(m->world.data, &message->log_read);
}

static void on_log_credit(struct ranks_machine *m, const struct message *message)
{
    m->world.log_credit(m->world.data, message->log_credit.bytes);
}

static void on_leave(struct ranks_machine *m, const struct message *message)
{
    set_leave(m, LEAVE_TOLD, message->leave.why);
}

static void (*const handlers[])(struct ranks_machine *m, const struct message *message) = {
    [MSG_WELCOME] = on_welcome,   [MSG_START] = on_start,
    [MSG_STOP] = on_stop,         [MSG_SIGNAL] = on_signal,
    [MSG_PING] = on_ping,         [MSG_ACK] = on_ack,
    [MSG_STORE_DOWN] = on_store,  [MSG_FIND_CHECKPOINT] = on_find,
    [MSG_LOG_READ] = on_log_read, [MSG_LOG_CREDIT] = on_log_credit,
    [MSG_LEAVE] = on_leave,
};

void ranks_message(struct ranks_machine *m, const struct message *message, int64_t now_ns)
{
    size_t id = (size_t)message->id;

    /* Before WELCOME nobody has shown which generation speaks. */
    if (!enter(m, now_ns) || m->link == LINK_DOWN ||
        (m->link == LINK_UP && message->id != MSG_WELCOME))
        return;
    m->heard_ns = now_ns;
    if (id < ARRAY_LEN(handlers) && handlers[id])
        handlers[id](m, message);
    settle(m);
}

void ranks_tick(struct ranks_machine *m, int64_t now_ns)
{
    if (!enter(m, now_ns))
        return;
    m->wake_at_ns = 0;
    settle(m);
}

void ranks_started(struct ranks_machine *m, int64_t now_ns)
{
    if (!enter(m, now_ns) || !step(m, IN_STARTED))
        return;
    for (uint32_t i = 0; i < m->start->nproc; i++)
        m->ranks[i].alive = true;
    m->alive = m->start->nproc;
    emit_node(m, AGENT_RANKS_STARTED, m->attempt, m->alive, STR(""));
    settle(m);
}

void ranks_spawn_failed(struct ranks_machine *m, int error, const char *sentence, int64_t now_ns)
{
    if (!enter(m, now_ns) || !step(m, IN_SPAWN_FAILED))
        return;
    emit_node(m, AGENT_SPAWN_FAILED, m->attempt, error, str_of(sentence));
    attempt_over(m, 0);
    settle(m);
}

/* What event.b says: 1 we had a hand in it, 2 the OOM killer, 0 by itself. What comes after our
 * first signal is a consequence, whatever it died of. */
static int64_t whose_exit(const struct ranks_machine *m, const struct rank *rank, int wait_status,
                          bool oom, int64_t exited_ns)
{
    if (m->end_began_ns && exited_ns >= m->end_began_ns)
        return 1;
    if (rank->forwarded && WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == rank->forwarded)
        return 1;
    return oom ? 2 : 0;
}

static void last_exit(struct ranks_machine *m)
{
    bool drains = m->all_well && m->end <= END_POLITE;

    if (!step(m, IN_LAST_EXIT))
        return;
    m->term_at_ns = 0;
    m->kill_at_ns = drains ? m->now_ns + RANKS_DRAIN_MS * MS : m->now_ns;
}

void ranks_exited(struct ranks_machine *m, uint32_t local_rank, int wait_status, bool oom,
                  struct str last_words, int64_t exited_ns, int64_t now_ns)
{
    struct msg_event event = {.kind = AGENT_RANK_EXITED, .at_ns = exited_ns};
    struct rank *rank;

    if (!enter(m, now_ns) || !m->start || local_rank >= m->start->nproc)
        return;
    ranks_started(m, now_ns); /* an exit says that all had started */
    rank = &m->ranks[local_rank];
    if (!rank->alive)
        return;
    rank->alive = false;
    m->alive--;
    m->all_well = m->all_well && wait_status == 0;
    event.attempt = m->attempt;
    event.rank = (int64_t)m->start->first_rank + local_rank;
    event.a = wait_status;
    event.b = whose_exit(m, rank, wait_status, oom, exited_ns);
    event.text = last_words;
    emit(m, &event);
    if (m->end == END_POLITE && !m->kill_began_ns && WIFEXITED(wait_status)) {
        event.kind = AGENT_HONOURED;
        event.a = 0;
        event.b = rank->saved;
        event.text = STR("");
        emit(m, &event);
    }
    if (m->alive == 0)
        last_exit(m);
    settle(m);
}

void ranks_empty(struct ranks_machine *m, uint32_t stragglers, int64_t now_ns)
{
    if (!enter(m, now_ns) || m->alive > 0 || !step(m, IN_EMPTY))
        return;
    attempt_over(m, stragglers);
    settle(m);
}

static bool is_live(const struct ranks_machine *m, uint32_t local_rank)
{
    return (m->state == RUNNING || m->state == ENDING) && local_rank < m->start->nproc;
}

void ranks_checkpoint_saved(struct ranks_machine *m, uint32_t local_rank, int64_t checkpoint_step,
                            struct str path, int64_t at_ns, int64_t now_ns)
{
    if (!enter(m, now_ns) || !is_live(m, local_rank))
        return;
    m->ranks[local_rank].saved = m->end != END_NONE;
    emit(m, &(struct msg_event){.kind = AGENT_CHECKPOINT_SAVED,
                                .attempt = m->attempt,
                                .rank = (int64_t)m->start->first_rank + local_rank,
                                .at_ns = at_ns,
                                .a = checkpoint_step,
                                .text = path});
    settle(m);
}

void ranks_phase(struct ranks_machine *m, uint32_t local_rank, uint32_t phase, int64_t at_ns,
                 int64_t now_ns)
{
    if (!enter(m, now_ns) || !is_live(m, local_rank) || m->start->first_rank + local_rank != 0)
        return;
    emit(m, &(struct msg_event){
                .kind = AGENT_PHASE, .attempt = m->attempt, .at_ns = at_ns, .a = phase});
    settle(m);
}

void ranks_checkpoint_grows(struct ranks_machine *m, int64_t now_ns)
{
    int64_t limit = m->grace_from_ns + GRACE_TIMES_MAX * m->grace_ns;

    if (!enter(m, now_ns) || m->state != ENDING || m->alive == 0 || m->kill_began_ns ||
        (m->end != END_POLITE && m->end != END_ABORT))
        return;
    m->kill_at_ns = later(m->kill_at_ns, sooner(now_ns + m->grace_ns, limit));
    if (m->term_at_ns)
        m->term_at_ns = later(m->term_at_ns, sooner(now_ns + m->grace_ns / 2, limit));
    settle(m);
}

void ranks_page_used(struct ranks_machine *m, uint32_t local_rank)
{
    if (is_live(m, local_rank))
        m->ranks[local_rank].page_used = true;
}

void ranks_stop_seen(struct ranks_machine *m, uint32_t local_rank)
{
    if (is_live(m, local_rank))
        m->ranks[local_rank].stop_seen = m->ranks[local_rank].page_used = true;
}

void ranks_note(struct ranks_machine *m, struct str text, int64_t now_ns)
{
    if (!enter(m, now_ns))
        return;
    emit_node(m, AGENT_NOTE, m->attempt, 0, text);
    settle(m);
}

void ranks_ask_leave(struct ranks_machine *m, const char *why, int64_t now_ns)
{
    if (!enter(m, now_ns))
        return;
    want(m, m->leave == LEAVE_ASKED ? END_KILL : END_POLITE, RANKS_GRACE_MS * MS);
    set_leave(m, LEAVE_ASKED, str_of(why));
    settle(m);
}

uint32_t ranks_attempt(const struct ranks_machine *m)
{
    return m->attempt;
}

uint32_t ranks_alive(const struct ranks_machine *m)
{
    return m->alive;
}

bool ranks_welcomed(const struct ranks_machine *m)
{
    return m->link == LINK_WELCOMED;
}
