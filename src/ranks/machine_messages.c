#include "ranks/machine_inside.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

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

static void on_welcome(struct ranks_machine *m, const struct message *message)
{
    const struct msg_welcome *welcome = &message->welcome;

    if (welcome->generation < m->generation) {
        machine_note(m, "a controller of generation %llu was refused: %llu is known",
                     (unsigned long long)welcome->generation, (unsigned long long)m->generation);
        machine_lose_link(m);
        m->world.cut(m->world.data, "a controller of an older generation");
        return;
    }
    m->generation = welcome->generation;
    m->heartbeat_ns = welcome->heartbeat_ms * MACHINE_MS;
    m->hold_ns = welcome->hold_ms * MACHINE_MS;
    m->link = LINK_WELCOMED;
    m->alone_from_ns = -1;
    if (m->leave == LEAVE_HOLD)
        m->leave = STAY;
    machine_resend(m);
    if (m->state != IDLE)
        m->world.store_link_up(m->world.data);
}

static void on_start(struct ranks_machine *m, const struct message *message)
{
    const struct msg_start *start = &message->start;

    if (start->attempt == m->attempt_seen && start->attempt) {
        machine_resend(m); /* of a controller that was started again and has not seen them */
        return;
    }
    if (start->attempt < m->attempt_seen || !start->attempt || m->leave)
        return;
    machine_forget_next(m);
    m->attempt_seen = m->next_attempt = start->attempt;
    m->next_texts = arena_new(0);
    m->next = m->next_texts ? copy_start(m->next_texts, start) : NULL;
    if (!m->next)
        machine_emit_node(m, AGENT_SPAWN_FAILED, start->attempt, ENOMEM,
                          STR("no memory for the job"));
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
        machine_want(m, end, stop->grace_ms * MACHINE_MS);
        if (m->state == IDLE)
            machine_resend(m);
        return;
    }
    /* One that has not begun here, and now never will. */
    machine_forget_next(m);
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
        machine_note(m, "%llu notes were dropped: too many waited", (unsigned long long)dropped);
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
    machine_set_leave(m, LEAVE_TOLD, message->leave.why);
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
    if (!machine_enter(m, now_ns) || m->link == LINK_DOWN ||
        (m->link == LINK_UP && message->id != MSG_WELCOME))
        return;
    m->heard_ns = now_ns;
    if (id < ARRAY_LEN(handlers) && handlers[id])
        handlers[id](m, message);
    machine_settle(m);
}
