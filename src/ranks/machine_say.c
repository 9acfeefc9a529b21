#include "ranks/machine_inside.h"

#include <stdarg.h>
#include <stdio.h>

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

void machine_resend(struct ranks_machine *m)
{
    const struct msg_event *event;

    for (size_t i = 0; (event = outbox_at(&m->outbox, i)) != NULL; i++)
        send_event(m, event);
}

void machine_send_hello(struct ranks_machine *m)
{
    struct arena *arena = arena_new(0);
    int64_t *alive = arena ? arena_alloc(arena, m->alive * sizeof(*alive) + 1) : NULL;
    int64_t ports[OWN_PORTS];
    uint32_t count = 0;

    for (int i = 0; i < OWN_PORTS; i++)
        ports[i] = m->self.ports[i];
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
                                                           .ports = {ports, OWN_PORTS},
                                                       }});
    arena_free(arena);
}
