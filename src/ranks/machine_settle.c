#include "ranks/machine_inside.h"

#include <stdio.h>

#define SILENT_BEATS 3

/* The earlier of two deadlines, where 0 is none. */
static int64_t due(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

static int64_t silent_at(const struct ranks_machine *m)
{
    if (m->link == LINK_DOWN)
        return 0;
    if (m->link == LINK_UP)
        return m->heard_ns + RANKS_WELCOME_MS * MACHINE_MS;
    return m->heartbeat_ns ? m->heard_ns + SILENT_BEATS * m->heartbeat_ns : 0;
}

void machine_lose_link(struct ranks_machine *m)
{
    if (m->link == LINK_WELCOMED)
        m->alone_from_ns = m->now_ns;
    m->link = LINK_DOWN;
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
