/* Nodes one by one: started, pinged, missed, lost. All nodes are looked at in one pass, no more
 * often than it matters. */
#include "control/state.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_FLOOR_NS (10 * (int64_t)1000000)
#define SCAN_MANY_NS  (100 * (int64_t)1000000) /* above SCAN_MANY nodes */
#define SCAN_MANY     1000
#define BACKOFF_MAX_S 30
#define TWICE_S       2 /* the backoff of a node whose start has failed twice */
#define ACK_NS        (5 * (int64_t)1000000) /* events come in bursts: one ACK for many */
#define BURST_NS      (2 * SECOND_NS)        /* a start has better to do */
#define CLOCK_TELL_NS (60 * SECOND_NS)
#define CLOCK_NEWS_NS ((int64_t)1000000)

static int64_t timeout_ns(const struct control *c)
{
    return (int64_t)(c->config.job->node_timeout_s * 1e9);
}

void node_link_lost(struct control *c, uint32_t node)
{
    c->nobody_comes = false; /* it may come back */
    node_count(c, node, false, c->live[node].clean);
    for (uint32_t s = 0; s < c->config.job->nodes && c->checking; s++)
        if (c->plan[s] == node)
            gather_drop_plan(c);
}

/* It counts as dead from now on. When it died is known only between two moments. */
void node_lost(struct control *c, uint32_t node, const char *why)
{
    struct node_live *live = &c->live[node];
    struct run_event event = event_of(EV_NODE_LOST);
    int64_t from_ns = live->seen_ns < c->now_ns ? live->seen_ns : c->now_ns;

    event.node = node;
    event.at_ns = (from_ns + c->now_ns) / 2 + c->wall_minus_mono_ns;
    event.uncertain_ns = (c->now_ns - from_ns + 1) / 2;
    event.text = str_of(why);
    str_keep(live->why, WHY_BYTES, str_of(why));
    event.text = str_of(live->why);
    live->return_ns = live->launched_ns = 0;
    live->relaunch_ns = c->now_ns;
    node_link_lost(c, node);
    control_emit(c, event);
    c->world.forget(c->world.data, node);
    act_on_first(c, node);
}

void node_failed_to_start(struct control *c, uint32_t node, const char *why)
{
    struct node_live *live = &c->live[node];
    bool news = strncmp(live->why, why, WHY_BYTES - 1) != 0;

    live->backoff_s = live->backoff_s ? live->backoff_s * 2 : 1;
    if (live->backoff_s > BACKOFF_MAX_S)
        live->backoff_s = BACKOFF_MAX_S;
    live->launched_ns = 0;
    live->relaunch_ns = c->now_ns + live->backoff_s * SECOND_NS;
    c->scan_ns = c->now_ns; /* another may be needed in its place */
    str_keep(live->why, WHY_BYTES, str_of(why));
    if (news)
        control_say(c, EV_NODE_DOWN, node, "%s", why);
}

static void launch(struct control *c, uint32_t node)
{
    struct run_event event = event_of(EV_NODE_STARTING);

    event.node = node;
    if (!c->fold.nodes[node].starting)
        control_emit(c, event);
    c->live[node].launched_ns = c->now_ns;
    c->world.launch(c->world.data, node);
}

/* When may it be started? Not while it is there, or expected. One that was started and never came:
 * some time later. */
static int64_t launch_at(const struct control *c, const struct node_live *live)
{
    int64_t patience_ns = (int64_t)(c->config.job->start_timeout_s * 1e9);

    if (live->linked || live->return_ns)
        return INT64_MAX;
    return live->launched_ns ? live->launched_ns + patience_ns : live->relaunch_ns;
}

/* At first all are started, spares too; later, when no spare is left, all that are missing: which
 * of them have been repaired nobody says, and what is too much is a spare. */
static void launch_what_is_needed(struct control *c, int64_t *next_ns)
{
    uint32_t here = 0, count = c->config.node_count;
    bool first = c->fold.attempt == c->fold.attempts_before;

    if (c->fold.state != RUN_GATHERING)
        return;
    for (uint32_t i = 0; i < count; i++)
        here += c->live[i].linked || c->live[i].return_ns;
    for (uint32_t i = 0; i < count && (first || here < c->config.job->nodes); i++) {
        int64_t at_ns = launch_at(c, &c->live[i]);

        if (c->now_ns >= at_ns)
            launch(c, i);
        else if (at_ns < *next_ns)
            *next_ns = at_ns;
    }
}

void node_ping(struct control *c, uint32_t node)
{
    const struct message message = {.id = MSG_PING, .ping = {.sent_ns = c->now_ns}};

    c->live[node].ping_ns = c->now_ns + timeout_ns(c) / 3;
    c->world.send(c->world.data, node, &message);
}

/* Returns when this node is to be looked at again. */
static int64_t look(struct control *c, uint32_t node)
{
    struct node_live *live = &c->live[node];
    int64_t silent_ns = live->seen_ns + timeout_ns(c);

    if (!live->linked) {
        if (!live->return_ns)
            return INT64_MAX;
        if (c->now_ns < live->return_ns)
            return live->return_ns;
        node_lost(c, node, live->why[0] ? live->why : "it did not come back");
        return INT64_MAX;
    }
    if (c->now_ns >= silent_ns) {
        node_lost(c, node, "silent for too long");
        return INT64_MAX;
    }
    if (c->now_ns >= live->ping_ns)
        node_ping(c, node);
    return live->ping_ns < silent_ns ? live->ping_ns : silent_ns;
}

/* A lost node, or one whose start failed twice, is not waited for where others can do without. */
static bool nobody_comes(const struct control *c)
{
    for (uint32_t i = 0; i < c->config.node_count; i++)
        if (!node_is_ready(c, i) &&
            (c->live[i].linked || (c->live[i].backoff_s < TWICE_S && !c->fold.nodes[i].lost)))
            return false;
    return true;
}

void nodes_scan(struct control *c)
{
    int64_t floor_ns = c->config.node_count > SCAN_MANY ? SCAN_MANY_NS : SCAN_FLOOR_NS;
    int64_t next_ns = INT64_MAX;

    if (c->now_ns < c->scan_ns)
        return;
    c->scan_ns = INT64_MAX; /* what happens below may ask for an earlier look */
    for (uint32_t i = 0; i < c->config.node_count && c->fold.state < RUN_LEAVING; i++) {
        int64_t at_ns = look(c, i);

        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    launch_what_is_needed(c, &next_ns);
    c->nobody_comes =
        c->config.job->independent && c->fold.state == RUN_GATHERING && nobody_comes(c);
    if (next_ns < c->now_ns + floor_ns)
        next_ns = c->now_ns + floor_ns;
    if (next_ns < c->scan_ns)
        c->scan_ns = next_ns;
}

static void tell_clock(struct control *c, uint32_t node)
{
    struct node_live *live = &c->live[node];
    struct run_event event = event_of(EV_NODE_CLOCK);

    event.node = node;
    event.a = live->clock.offset_ns;
    event.b = live->clock.uncertain_ns;
    live->clock_told = true;
    live->clock_told_ns = c->now_ns;
    live->told_offset_ns = live->clock.offset_ns;
    control_emit(c, event);
}

static void look_at(struct control *c, int64_t at_ns)
{
    if (at_ns >= c->scan_ns)
        return;
    c->scan_ns = at_ns;
    control_wake(c, at_ns);
}

void node_pong(struct control *c, uint32_t node, const struct msg_pong *pong)
{
    struct node_live *live = &c->live[node];
    int64_t moved;

    if (pong->sent_ns > c->now_ns)
        return; /* not ours: a controller of another boot sent that PING */
    clock_measure(&live->clock, pong->sent_ns, pong->agent_ns, c->now_ns);
    if (live->burst && --live->burst) {
        if (c->now_ns + BURST_NS < live->ping_ns)
            live->ping_ns = c->now_ns + BURST_NS;
        look_at(c, live->ping_ns);
        return;
    }
    moved = live->clock.offset_ns - live->told_offset_ns;
    if (!live->clock_told || (c->now_ns - live->clock_told_ns > CLOCK_TELL_NS &&
                              llabs(moved) > CLOCK_NEWS_NS + 2 * live->clock.uncertain_ns))
        tell_clock(c, node);
}

void nodes_acknowledge(struct control *c)
{
    if (!c->acks.count)
        return;
    if (c->now_ns < c->ack_ns) {
        control_wake(c, c->ack_ns);
        return;
    }
    for (size_t i = 0; i < c->acks.count; i++) {
        uint32_t node = c->acks.nodes[i];
        const struct message message = {.id = MSG_ACK, .ack = {.event = c->live[node].seen_event}};

        c->live[node].ack_due = false;
        if (c->live[node].linked)
            c->world.send(c->world.data, node, &message);
    }
    c->acks.count = 0;
}

void node_ack_later(struct control *c, uint32_t node)
{
    if (c->live[node].ack_due)
        return;
    c->live[node].ack_due = true;
    if (!c->acks.count)
        c->ack_ns = c->now_ns + ACK_NS;
    c->acks.nodes[c->acks.count++] = node;
    control_wake(c, c->ack_ns);
}
