/* What agents report, as events of the run. Agents send again what was not acknowledged: an event
 * that is known already changes nothing. */
#include "control/state.h"

#include <string.h>
#include <sys/wait.h>

#define WORDS_OF_RANKS                                                                             \
    256 /* ranks of an attempt whose last words are stored; the logs have all                      \
         */

struct take {
    struct control *control;
    uint32_t node;
    const struct msg_event *from;
    struct run_event event; /* with node, rank, time, a, b and text as they came */
};

static void ranks_started(struct take *t)
{
    if (t->control->fold.nodes[t->node].started)
        return;
    t->control->live[t->node].backoff_s = 0;
    t->event.kind = EV_RANKS_STARTED;
    control_emit(t->control, t->event);
}

/* The program is not found: said once, not by every node. */
static void spawn_failed(struct take *t)
{
    const struct fold *fold = &t->control->fold;
    struct str name = str_of(t->control->config.names[t->node]), *text = &t->event.text;

    if (fold->nodes[t->node].spawn_errno)
        return;
    /* The event names the node: without it the sentences of all nodes are one. */
    if (str_ends(*text, name.p) && text->len > name.len + 4 &&
        memcmp(text->p + text->len - name.len - 4, " on ", 4) == 0)
        text->len -= name.len + 4;
    if (strncmp(fold->spawn_text, t->event.text.p ? t->event.text.p : "",
                t->event.text.len < SENTENCE_MAX ? t->event.text.len : SENTENCE_MAX - 1) == 0 &&
        fold->spawn_text[0])
        t->event.text.len = 0;
    t->event.kind = EV_SPAWN_FAILED;
    control_emit(t->control, t->event);
}

static void rank_exited(struct take *t)
{
    const struct fold *fold = &t->control->fold;
    uint32_t first, count = fold_ranks_of(t->control, t->node, &first);

    if (t->event.rank < first || t->event.rank >= (int64_t)first + count ||
        fold->rank_ends[t->event.rank] != RANK_LIVES)
        return;
    /* What our own kills made them say explains nothing. */
    if (t->event.b == 1 || fold->ranks_died >= WORDS_OF_RANKS)
        t->event.text.len = 0;
    t->event.kind = EV_RANK_EXITED;
    control_emit(t->control, t->event);
}

static void node_empty(struct take *t)
{
    struct control *c = t->control;

    node_count(c, t->node, true, true);
    if (c->fold.nodes[t->node].empty)
        return;
    t->event.kind = EV_NODE_EMPTY;
    t->event.rank = -1;
    control_emit(c, t->event);
}

static void checkpoint_saved(struct take *t)
{
    const struct fold *fold = &t->control->fold;

    if (t->event.a == fold->saved_step && str_is(t->event.text, fold->saved))
        return;
    t->event.kind = EV_CHECKPOINT_SAVED;
    control_emit(t->control, t->event);
}

static void phase(struct take *t)
{
    steps_phase(t->control, t->event.a, t->event.at_ns - t->control->wall_minus_mono_ns);
}

static void honoured(struct take *t)
{
    t->event.kind = EV_HONOURED;
    t->event.a = t->from->b;
    t->event.b = 0;
    control_emit(t->control, t->event);
}

static void note(struct take *t)
{
    t->event.kind = EV_NOTE;
    control_emit(t->control, t->event);
}

static bool of_this_attempt(const struct control *c, uint32_t node, const struct msg_event *event)
{
    return event->attempt == c->fold.attempt && c->fold.nodes[node].node_rank >= 0 &&
           c->fold.state >= RUN_SPAWNING && c->fold.state <= RUN_STOPPING;
}

void agent_event_take(struct control *c, uint32_t node, const struct msg_event *from)
{
    static void (*const table[])(struct take *) = {
        [AGENT_RANKS_STARTED] = ranks_started,
        [AGENT_SPAWN_FAILED] = spawn_failed,
        [AGENT_RANK_EXITED] = rank_exited,
        [AGENT_NODE_EMPTY] = node_empty,
        [AGENT_CHECKPOINT_SAVED] = checkpoint_saved,
        [AGENT_PHASE] = phase,
        [AGENT_HONOURED] = honoured,
        [AGENT_NOTE] = note,
    };
    struct node_live *live = &c->live[node];
    struct take take = {.control = c, .node = node, .from = from, .event = event_of(EV_NOTE)};

    /* One that happened between HELLO and WELCOME comes before those that are older and are sent
     * again after WELCOME: it is then sent again too. */
    if (from->number > live->seen_event + 1)
        return;
    node_ack_later(c, node);
    if (from->number <= live->seen_event)
        return;
    live->seen_event = from->number;
    take.event.node = node;
    take.event.rank = from->rank;
    take.event.at_ns =
        clock_to_ours(&live->clock, from->at_ns, c->now_ns, &take.event.uncertain_ns) +
        c->wall_minus_mono_ns;
    take.event.a = from->a;
    take.event.b = from->b;
    take.event.text = from->text;
    if (from->kind < ARRAY_LEN(table) && table[from->kind] && of_this_attempt(c, node, from)) {
        table[from->kind](&take);
    } else if (from->kind == AGENT_NODE_EMPTY && from->attempt == live->attempt) {
        node_count(c, node, true, true);
        act_on_node(c, node); /* its START may have waited for this */
    } else if (from->kind == AGENT_NOTE) {
        take.event.rank = -1; /* ranks of an older attempt are others */
        note(&take);
    }
}
