#include "ranks/machine_inside.h"

#include <errno.h>
#include <signal.h>

#define KILL_AGAIN_MS  1000  /* what a SIGKILL missed: it forked at that moment */
#define UNKILLABLE_MS  10000 /* then we say so, once */
#define HELD_BY_KERNEL "processes still live %d s after SIGKILL: the kernel holds them"

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

void machine_forget_next(struct ranks_machine *m)
{
    arena_free(m->next_texts);
    m->next_texts = NULL;
    m->next = NULL;
    m->next_attempt = 0;
}

void machine_forget_attempt(struct ranks_machine *m)
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

void machine_want(struct ranks_machine *m, enum end end, int64_t grace_ns)
{
    if (end <= m->wanted || m->state == IDLE || m->state == LEFT)
        return;
    m->wanted = end;
    m->wanted_grace_ns = grace_ns;
}

/* The attempt is over: nothing of it lives. */
void machine_attempt_over(struct ranks_machine *m, int64_t stragglers)
{
    m->world.store_close(m->world.data);
    machine_emit_node(m, AGENT_NODE_EMPTY, m->attempt, stragglers, STR(""));
    machine_forget_attempt(m);
}

static bool make_ranks(struct ranks_machine *m)
{
    const struct msg_start *start = m->start;

    if (start->nproc == 0 || start->nproc > JOB_NPROC_MAX || start->nproc > start->world ||
        start->first_rank > start->world - start->nproc) {
        machine_emit_node(m, AGENT_SPAWN_FAILED, m->attempt, EINVAL,
                          STR("START is for ranks that its world does not have"));
        return false;
    }
    m->ranks = arena_alloc(m->texts, start->nproc * sizeof(*m->ranks));
    if (!m->ranks)
        machine_emit_node(m, AGENT_SPAWN_FAILED, m->attempt, ENOMEM,
                          STR("no memory for the ranks"));
    return m->ranks != NULL;
}

/* IDLE, and a newer attempt waits. */
void machine_begin_next(struct ranks_machine *m)
{
    m->attempt = m->next_attempt;
    if (!m->next) {
        machine_emit_node(m, AGENT_NODE_EMPTY, m->attempt, 0, STR(""));
        machine_forget_next(m);
        return;
    }
    m->texts = m->next_texts;
    m->start = m->next;
    m->next_texts = NULL;
    machine_forget_next(m);
    if (!make_ranks(m)) {
        machine_emit_node(m, AGENT_NODE_EMPTY, m->attempt, 0, STR(""));
        machine_forget_attempt(m);
        return;
    }
    m->all_well = true;
    (void)machine_step(m, IN_START);
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
        const struct machine_rank *rank = &m->ranks[i];

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
    m->kill_at_ns = m->now_ns + KILL_AGAIN_MS * MACHINE_MS;
    m->term_at_ns = 0;
    if (!m->kill_began_ns)
        m->kill_began_ns = m->now_ns;
    if (!m->unkillable_told && m->now_ns - m->kill_began_ns >= UNKILLABLE_MS * MACHINE_MS) {
        m->unkillable_told = true;
        machine_note(m, HELD_BY_KERNEL, UNKILLABLE_MS / 1000);
    }
}

void machine_serve_end(struct ranks_machine *m)
{
    if (m->wanted > m->end && machine_step(m, IN_END))
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
