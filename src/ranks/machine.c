#include "ranks/machine_inside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define GRACE_TIMES_MAX 10

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
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
