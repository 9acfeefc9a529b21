#include "ranks/machine_inside.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SILENT_BEATS    3
#define GRACE_TIMES_MAX 10

/* The state machine. A pair that is not here changes nothing. */
bool machine_step(struct ranks_machine *m, enum input input)
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

void machine_emit(struct ranks_machine *m, const struct msg_event *event)
{
    bool may_drop = event->kind == AGENT_NOTE || event->kind == AGENT_PHASE ||
                    event->kind == AGENT_CHECKPOINT_SAVED;
    const struct msg_event *kept;

    if (outbox_add(&m->outbox, event, RANKS_EVENTS_MAX, may_drop, &kept) < 0)
        leave_now(m, "no memory for an event"); /* the node then counts as lost, which is true */
    else if (kept)
        send_event(m, kept);
}

void machine_note(struct ranks_machine *m, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    machine_emit(m, &(struct msg_event){.kind = AGENT_NOTE,
                                        .attempt = m->attempt,
                                        .rank = -1,
                                        .at_ns = m->now_ns,
                                        .text = str_of(text)});
}

void machine_emit_node(struct ranks_machine *m, enum agent_event kind, uint32_t attempt, int64_t a,
                       struct str text)
{
    machine_emit(m, &(struct msg_event){.kind = kind,
                                        .attempt = attempt,
                                        .rank = -1,
                                        .at_ns = m->now_ns,
                                        .a = a,
                                        .text = text});
}

void machine_resend(struct ranks_machine *m)
{
    const struct msg_event *event;

    for (size_t i = 0; (event = outbox_at(&m->outbox, i)) != NULL; i++)
        send_event(m, event);
}

void machine_lose_link(struct ranks_machine *m)
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
        return m->heard_ns + RANKS_WELCOME_MS * MACHINE_MS;
    return m->heartbeat_ns ? m->heard_ns + SILENT_BEATS * m->heartbeat_ns : 0;
}

static void serve_link(struct ranks_machine *m)
{
    int64_t silent = silent_at(m);

    if (silent && m->now_ns >= silent) {
        machine_lose_link(m);
        m->world.cut(m->world.data, "the controller is silent");
    }
}

void machine_set_leave(struct ranks_machine *m, enum leave leave, struct str why)
{
    if (leave <= m->leave)
        return;
    m->leave = leave;
    (void)snprintf(m->leave_why, sizeof(m->leave_why), "%.*s", STR_ARG(why));
    machine_forget_next(m);
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
    machine_set_leave(m, LEAVE_HOLD, str_of(why));
    if (m->state != IDLE)
        machine_note(m, "%s: the ranks are stopped", why);
    machine_want(m, END_POLITE, RANKS_GRACE_MS * MACHINE_MS);
}

bool machine_enter(struct ranks_machine *m, int64_t now_ns)
{
    m->now_ns = now_ns;
    return m->state != LEFT;
}

/* What follows from the state and the time, after each input; may safely run twice. */
void machine_settle(struct ranks_machine *m)
{
    int64_t at;

    if (!m->alone_from_ns)
        m->alone_from_ns = m->now_ns > 0 ? m->now_ns : 1;
    serve_link(m);
    serve_hold(m);
    if (m->next_attempt || m->leave == LEAVE_TOLD)
        machine_want(m, END_KILL, 0);
    machine_serve_end(m);
    if (m->state == IDLE && m->next_attempt)
        machine_begin_next(m);
    if (m->leave && machine_step(m, IN_LEAVE))
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
    m->hold_ns = RANKS_HOLD_MS * MACHINE_MS;
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
    machine_forget_attempt(m);
    machine_forget_next(m);
    outbox_done(&m->outbox);
    arena_free(m->self_texts);
    free(m);
}

void ranks_link_up(struct ranks_machine *m, const char *data_addr, int64_t now_ns)
{
    if (!machine_enter(m, now_ns))
        return;
    machine_lose_link(m);
    m->link = LINK_UP;
    (void)snprintf(m->data_addr, sizeof(m->data_addr), "%s", data_addr);
    m->heard_ns = now_ns;
    machine_send_hello(m);
    machine_settle(m);
}

void ranks_link_down(struct ranks_machine *m, int64_t now_ns)
{
    if (!machine_enter(m, now_ns))
        return;
    machine_lose_link(m);
    machine_settle(m);
}

void ranks_tick(struct ranks_machine *m, int64_t now_ns)
{
    if (!machine_enter(m, now_ns))
        return;
    m->wake_at_ns = 0;
    machine_settle(m);
}

void ranks_started(struct ranks_machine *m, int64_t now_ns)
{
    if (!machine_enter(m, now_ns) || !machine_step(m, IN_STARTED))
        return;
    for (uint32_t i = 0; i < m->start->nproc; i++)
        m->ranks[i].alive = true;
    m->alive = m->start->nproc;
    machine_emit_node(m, AGENT_RANKS_STARTED, m->attempt, m->alive, STR(""));
    machine_settle(m);
}

void ranks_spawn_failed(struct ranks_machine *m, int error, const char *sentence, int64_t now_ns)
{
    if (!machine_enter(m, now_ns) || !machine_step(m, IN_SPAWN_FAILED))
        return;
    machine_emit_node(m, AGENT_SPAWN_FAILED, m->attempt, error, str_of(sentence));
    machine_attempt_over(m, 0);
    machine_settle(m);
}

/* What event.b says: 1 we had a hand in it, 2 the OOM killer, 0 by itself. What comes after our
 * first signal is a consequence, whatever it died of. */
static int64_t whose_exit(const struct ranks_machine *m, const struct machine_rank *rank,
                          int wait_status, bool oom, int64_t exited_ns)
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

    if (!machine_step(m, IN_LAST_EXIT))
        return;
    m->term_at_ns = 0;
    m->kill_at_ns = drains ? m->now_ns + RANKS_DRAIN_MS * MACHINE_MS : m->now_ns;
}

void ranks_exited(struct ranks_machine *m, uint32_t local_rank, int wait_status, bool oom,
                  struct str last_words, int64_t exited_ns, int64_t now_ns)
{
    struct msg_event event = {.kind = AGENT_RANK_EXITED, .at_ns = exited_ns};
    struct machine_rank *rank;

    if (!machine_enter(m, now_ns) || !m->start || local_rank >= m->start->nproc)
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
    machine_emit(m, &event);
    if (m->end == END_POLITE && !m->kill_began_ns && WIFEXITED(wait_status)) {
        event.kind = AGENT_HONOURED;
        event.a = 0;
        event.b = rank->saved;
        event.text = STR("");
        machine_emit(m, &event);
    }
    if (m->alive == 0)
        last_exit(m);
    machine_settle(m);
}

void ranks_empty(struct ranks_machine *m, uint32_t stragglers, int64_t now_ns)
{
    if (!machine_enter(m, now_ns) || m->alive > 0 || !machine_step(m, IN_EMPTY))
        return;
    machine_attempt_over(m, stragglers);
    machine_settle(m);
}

static bool is_live(const struct ranks_machine *m, uint32_t local_rank)
{
    return (m->state == RUNNING || m->state == ENDING) && local_rank < m->start->nproc;
}

void ranks_checkpoint_saved(struct ranks_machine *m, uint32_t local_rank, int64_t checkpoint_step,
                            struct str path, int64_t at_ns, int64_t now_ns)
{
    if (!machine_enter(m, now_ns) || !is_live(m, local_rank))
        return;
    m->ranks[local_rank].saved = m->end != END_NONE;
    machine_emit(m, &(struct msg_event){.kind = AGENT_CHECKPOINT_SAVED,
                                        .attempt = m->attempt,
                                        .rank = (int64_t)m->start->first_rank + local_rank,
                                        .at_ns = at_ns,
                                        .a = checkpoint_step,
                                        .text = path});
    machine_settle(m);
}

void ranks_phase(struct ranks_machine *m, uint32_t local_rank, uint32_t phase, int64_t at_ns,
                 int64_t now_ns)
{
    if (!machine_enter(m, now_ns) || !is_live(m, local_rank) ||
        m->start->first_rank + local_rank != 0)
        return;
    machine_emit(m, &(struct msg_event){
                        .kind = AGENT_PHASE, .attempt = m->attempt, .at_ns = at_ns, .a = phase});
    machine_settle(m);
}

void ranks_checkpoint_grows(struct ranks_machine *m, int64_t now_ns)
{
    int64_t limit = m->grace_from_ns + GRACE_TIMES_MAX * m->grace_ns;

    if (!machine_enter(m, now_ns) || m->state != ENDING || m->alive == 0 || m->kill_began_ns ||
        (m->end != END_POLITE && m->end != END_ABORT))
        return;
    m->kill_at_ns = later(m->kill_at_ns, sooner(now_ns + m->grace_ns, limit));
    if (m->term_at_ns)
        m->term_at_ns = later(m->term_at_ns, sooner(now_ns + m->grace_ns / 2, limit));
    machine_settle(m);
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
    if (!machine_enter(m, now_ns))
        return;
    machine_emit_node(m, AGENT_NOTE, m->attempt, 0, text);
    machine_settle(m);
}

void ranks_ask_leave(struct ranks_machine *m, const char *why, int64_t now_ns)
{
    if (!machine_enter(m, now_ns))
        return;
    machine_want(m, m->leave == LEAVE_ASKED ? END_KILL : END_POLITE, RANKS_GRACE_MS * MACHINE_MS);
    machine_set_leave(m, LEAVE_ASKED, str_of(why));
    machine_settle(m);
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
