/* Before an attempt: enough nodes, each in its place, and the checkpoint to start from.
 *
 * The layout says which node has which place. Whoever is not there, or is blamed, is replaced by a
 * spare; nobody else moves. Blamed nodes come in again only where nobody else is left. */
#include "control/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINAL_NS                                                                                \
    (2 * SECOND_NS)  /* a node that never came is waited for so long, when others                  \
                        would be enough: the same nodes give the same ranks */
#define CHECKS_MAX 3 /* complaints of looking for a checkpoint, until the end */

void gather_drop_plan(struct control *c)
{
    c->planned = 0;
    c->checking = c->check_sent = false;
}

void gather_begin(struct control *c)
{
    gather_drop_plan(c);
    meeting_close(c);
    c->nobody_comes = false;
    c->enough_ns = 0;
    c->check_complaints = 0;
    c->check_ns = c->now_ns;
    c->scan_ns = c->now_ns;
}

static bool same_group(const struct control *c, uint32_t a, uint32_t b)
{
    const char *const *groups = c->config.groups;

    return groups && groups[a] && groups[b] && strcmp(groups[a], groups[b]) == 0;
}

/* A node that is ready and has no place: of the group of `old`, else any. -1: none. */
static int64_t spare_for(const struct control *c, uint32_t old, bool blamed, const bool *taken)
{
    int64_t any = -1;

    for (uint32_t i = 0; i < c->config.node_count; i++) {
        if (taken[i] || !node_is_ready(c, i) || (c->fold.nodes[i].blame != BLAME_NONE) != blamed)
            continue;
        if (same_group(c, i, old))
            return i;
        if (any < 0)
            any = i;
    }
    return any;
}

static void put(struct control *c, uint32_t slot, int64_t node, bool *taken)
{
    if (node < 0 || c->plan[slot] >= 0)
        return;
    c->plan[slot] = node;
    taken[node] = true;
    c->planned++;
}

static void fill_from_spares(struct control *c, bool blamed, bool *taken)
{
    for (uint32_t s = 0; s < c->config.job->nodes; s++) {
        int64_t spare = c->plan[s] < 0 ? spare_for(c, c->fold.slots[s], blamed, taken) : 0;

        if (spare < 0)
            return;
        put(c, s, spare, taken);
    }
}

static void make_plan(struct control *c)
{
    bool *taken = c->marks;

    memset(taken, false, c->config.node_count);
    c->planned = 0;
    for (uint32_t s = 0; s < c->config.job->nodes; s++) {
        uint32_t node = c->fold.slots[s];

        c->plan[s] = -1;
        put(c, s, node_is_ready(c, node) && !c->fold.nodes[node].blame ? (int64_t)node : -1, taken);
    }
    fill_from_spares(c, false, taken);
    for (uint32_t s = 0; s < c->config.job->nodes; s++)
        put(c, s, node_is_ready(c, c->fold.slots[s]) ? (int64_t)c->fold.slots[s] : -1, taken);
    fill_from_spares(c, true, taken);
}

/* Until when is it worth to wait for this node rather than to put a spare in its place? */
static int64_t worth_until(const struct control *c, uint32_t node)
{
    const struct node_fact *fact = &c->fold.nodes[node];
    const struct node_live *live = &c->live[node];

    if (fact->blame || fact->lost)
        return 0;
    if (live->return_ns)
        return live->return_ns;
    if (live->linked)
        return c->enough_ns + (int64_t)(c->config.job->abort_grace_s * 1e9) + ORIGINAL_NS;
    return live->launched_ns ? c->enough_ns + ORIGINAL_NS : 0;
}

static bool worth_waiting(struct control *c)
{
    int64_t until_ns = 0;

    if (!c->enough_ns)
        c->enough_ns = c->now_ns;
    for (uint32_t s = 0; s < c->config.job->nodes; s++) {
        int64_t worth_ns = worth_until(c, c->fold.slots[s]);

        if (c->plan[s] != c->fold.slots[s] && worth_ns > until_ns)
            until_ns = worth_ns;
    }
    if (c->now_ns >= until_ns)
        return false;
    control_wake(c, until_ns);
    return true;
}

static void end_short(struct control *c)
{
    struct run_event event = event_of(EV_FAILED);
    const struct job *job = c->config.job;
    struct buf text = {0};

    buf_printf(&text, "%u of the %lld nodes that are needed came", c->ready,
               (long long)(job->min_nodes ? job->min_nodes : job->nodes));
    if (!c->nobody_comes)
        buf_printf(&text, " within %.0f s", job->start_timeout_s);
    buf_puts(&text, "; ");
    node_print_missing(c, &text);
    event.a = CAUSE_NODES_SHORT;
    event.text = (struct str){text.p, text.len};
    control_emit(c, event);
    buf_done(&text);
}

static void say_swaps(struct control *c)
{
    uint32_t world = c->planned == c->config.job->nodes ? c->world_max : c->planned * c->nproc;
    uint32_t node_rank = 0;

    for (uint32_t s = 0; s < c->config.job->nodes; s++) {
        uint32_t old = c->fold.slots[s];
        struct run_event event = event_of(EV_NODE_SWAPPED);
        struct place_span span;
        struct buf text = {0};

        if (c->plan[s] < 0)
            continue;
        span = place_span(node_rank, c->planned, c->nproc, world);
        event.node = c->plan[s];
        event.a = node_rank++;
        event.b = old;
        if (c->plan[s] == old)
            continue;
        if (span.count > 1)
            buf_printf(&text, "ranks %u-%u", span.first, span.first + span.count - 1);
        else
            buf_printf(&text, "rank %u", span.first);
        buf_printf(&text, ": %s -> %s", c->config.names[old], c->config.names[c->plan[s]]);
        event.text = (struct str){text.p, text.len};
        control_emit(c, event);
        buf_done(&text);
    }
}

static void say_excluded(struct control *c)
{
    static const char *const why[] = {
        [BLAME_LOST] = "it was lost",
        [BLAME_DEATH] = "a rank there was the first to die, by a signal",
        [BLAME_TWICE] = "a rank there was the first to die twice in a row",
        [BLAME_SPAWN] = "ranks could not be started there",
        [BLAME_CHECK] = "it could not look for a checkpoint",
    };

    for (uint32_t i = 0; i < c->config.node_count; i++) {
        const struct node_fact *fact = &c->fold.nodes[i];

        if (fact->blame && fact->slot < 0 && !fact->excluded)
            control_say(c, EV_NODE_EXCLUDED, i, "%s", why[fact->blame]);
    }
}

static void say_smaller(struct control *c)
{
    struct buf text = {0};

    buf_printf(&text, "going on smaller: %u of %lld nodes; ", c->planned,
               (long long)c->config.job->nodes);
    node_print_missing(c, &text);
    control_say(c, EV_NOTE, -1, "%s", text.p ? text.p : "");
    buf_done(&text);
}

/* Of an independent job each is named: what it was to do, nobody does. */
static void say_left_out(struct control *c)
{
    for (uint32_t s = 0; s < c->config.job->nodes; s++) {
        const char *why = c->live[c->fold.slots[s]].why;

        if (c->plan[s] < 0)
            control_say(c, EV_NODE_EXCLUDED, c->fold.slots[s], "%s",
                        why[0] ? why : "it did not come in time");
    }
}

/* The nodes in rank order by index: "0-62,64". */
static void print_plan(const struct control *c, struct buf *out)
{
    int64_t from = -1, to = -1;

    for (uint32_t s = 0; s <= c->config.job->nodes; s++) {
        int64_t node = s < c->config.job->nodes ? c->plan[s] : -2;

        if (node == -1)
            continue;
        if (from >= 0 && node == to + 1) {
            to = node;
            continue;
        }
        if (from >= 0)
            buf_printf(out, to > from ? "%s%lld-%lld" : "%s%lld", out->len ? "," : "",
                       (long long)from, (long long)to);
        from = to = node;
    }
}

static void begin_attempt(struct control *c)
{
    struct run_event event = event_of(EV_ATTEMPT_BEGUN);
    struct buf text = {0};

    for (uint32_t s = 0; s < c->config.job->nodes; s++)
        if (c->plan[s] >= 0 && !node_is_ready(c, (uint32_t)c->plan[s])) {
            gather_drop_plan(c); /* verified: nobody begins without its link, or on old ranks */
            return;
        }
    if (c->config.job->independent)
        say_left_out(c);
    else if (c->planned < c->config.job->nodes)
        say_smaller(c);
    say_swaps(c);
    say_excluded(c);
    print_plan(c, &text);
    event.attempt = c->fold.attempt + 1;
    event.a = c->planned;
    event.b = c->planned == c->config.job->nodes ? c->world_max : c->planned * c->nproc;
    event.c = c->fold.resume_step;
    event.text = (struct str){text.p, text.len};
    control_emit(c, event);
    buf_done(&text);
    gather_drop_plan(c);
}

static void choose(struct control *c, struct str path, int64_t step)
{
    struct run_event event = event_of(EV_CHECKPOINT_CHOSEN);

    event.attempt = c->fold.attempt + 1;
    event.a = step;
    event.text = path;
    control_emit(c, event);
}

static uint32_t first_planned(const struct control *c)
{
    for (uint32_t s = 0; s < c->config.job->nodes; s++)
        if (c->plan[s] >= 0)
            return (uint32_t)c->plan[s];
    return 0;
}

/* Which checkpoint? Without a rule for them, the last that the program itself said was saved. */
static void check(struct control *c)
{
    struct message message = {.id = MSG_FIND_CHECKPOINT};

    if (!c->config.job->checkpoint) {
        if (c->fold.saved[0] && (c->fold.saved_step != c->fold.resume_step ||
                                 strcmp(c->fold.saved, c->fold.resume) != 0))
            choose(c, str_of(c->fold.saved), c->fold.saved_step);
        control_phase(c, PHASE_CHECK);
        begin_attempt(c);
        return;
    }
    if (c->check_sent || c->now_ns < c->check_ns) {
        control_wake(c, c->check_sent ? INT64_MAX : c->check_ns);
        return;
    }
    message.find_checkpoint.attempt = c->fold.attempt + 1;
    message.find_checkpoint.job = (struct str){c->job_json.p, c->job_json.len};
    c->check_sent = true;
    c->world.send(c->world.data, first_planned(c), &message);
}

static void complain(struct control *c, struct str complaint)
{
    struct run_event event = event_of(EV_FAILED);

    control_say(c, EV_NOTE, first_planned(c), "looking for a checkpoint: %.*s", STR_ARG(complaint));
    c->check_sent = false;
    c->check_ns = c->now_ns + (SECOND_NS << c->check_complaints);
    if (++c->check_complaints < CHECKS_MAX)
        return;
    event.a = CAUSE_SPAWN; /* from the beginning, in silence, would be worse */
    event.node = first_planned(c);
    event.text = complaint;
    control_emit(c, event);
}

void gather_checkpoint(struct control *c, const struct msg_checkpoint *found)
{
    if (!c->checking || !c->check_sent || found->attempt != c->fold.attempt + 1)
        return; /* an answer to an older question */
    for (uint32_t i = 0; i < found->quarantined.count; i++)
        control_say(c, EV_CHECKPOINT_QUARANTINED, first_planned(c), "%.*s",
                    STR_ARG(found->quarantined.items[i]));
    if (found->complaint.len) {
        complain(c, found->complaint);
        return;
    }
    if (c->fold.resume[0] && found->step < c->fold.resume_step)
        control_say(c, EV_NOTE, -1,
                    "step %lld is older than step %lld of %s, which was chosen before and is no "
                    "longer there or no longer complete",
                    (long long)found->step, (long long)c->fold.resume_step, c->fold.resume);
    if (found->path.len || c->fold.resume[0])
        choose(c, found->path, found->path.len ? found->step : -1);
    control_phase(c, PHASE_CHECK);
    begin_attempt(c);
}

void gather_decide(struct control *c)
{
    const struct job *job = c->config.job;
    int64_t deadline_ns = c->entered_ns + (int64_t)(job->start_timeout_s * 1e9);
    bool late = c->now_ns >= deadline_ns || c->nobody_comes;
    int64_t enough = late && job->min_nodes > 0 ? job->min_nodes : job->nodes;

    if (c->checking) {
        check(c);
        return;
    }
    if (verdict_run_over(c))
        return;
    if (!late)
        control_wake(c, deadline_ns);
    if (c->ready < enough) {
        c->enough_ns = 0;
        if (late)
            end_short(c);
        return;
    }
    make_plan(c);
    if (c->planned < enough || (!late && worth_waiting(c)))
        return;
    control_phase(c, PHASE_SWAP);
    c->checking = true;
    check(c);
}
