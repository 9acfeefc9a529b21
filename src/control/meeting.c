/* The rendezvous store of the attempt at hand. Agents of another attempt reach nothing here. */
#include "control/state.h"

#include <errno.h>

#define MS_NS ((int64_t)1000000)

static void journal(void *data, struct str bytes)
{
    struct control *control = data;

    control->world.journal(control->world.data, control->kv_attempt, bytes);
}

static void send_down(void *data, uint32_t node_rank, struct str bytes)
{
    struct control *control = data;
    uint32_t node = control->fold.assigned[node_rank];
    const struct message message = {.id = MSG_STORE_DOWN,
                                    .store = {.attempt = control->kv_attempt, .bytes = bytes}};

    if (control->live[node].linked) /* else it is sent again when the node is back */
        control->world.send(control->world.data, node, &message);
}

static void stored(void *data, uint32_t node_rank, struct str key, struct str value)
{
    struct control *control = data;

    (void)node_rank;
    if (control->world.stored)
        control->world.stored(control->world.data, key, value);
}

static struct kv_out out_of(struct control *control)
{
    return (struct kv_out){
        .data = control, .journal = journal, .send = send_down, .stored = stored};
}

static bool at_hand(const struct control *control, uint32_t attempt)
{
    return control->kv && control->kv_attempt == attempt && control->fold.attempt == attempt;
}

void meeting_close(struct control *control)
{
    kv_free(control->kv);
    control->kv = NULL;
    control->kv_ns = INT64_MAX;
}

void meeting_open(struct control *control)
{
    if (at_hand(control, control->fold.attempt))
        return;
    meeting_close(control);
    control->kv = kv_new(control->fold.nnodes, KV_BYTES_MAX);
    control->kv_attempt = control->fold.attempt;
}

uint32_t control_attempt(const struct control *control)
{
    const struct fold *fold = &control->fold;

    return fold->state >= RUN_SPAWNING && fold->state <= RUN_STOPPING ? fold->attempt : 0;
}

const uint32_t *control_nodes(const struct control *control, uint32_t *count)
{
    *count = control_attempt(control) ? control->fold.nnodes : 0;
    return *count ? control->fold.assigned : NULL;
}

int control_replay_journal(struct control *control, struct str bytes, struct err *err)
{
    control->journal_good = 0;
    if (!control_attempt(control))
        return 0;
    meeting_open(control);
    if (!control->kv)
        return err_set(err, -ENOMEM, "no memory for the rendezvous store");
    control->kv_ns = 0; /* there may be something to push */
    return kv_replay(control->kv, bytes, &control->journal_good, err);
}

size_t control_journal_good(const struct control *control)
{
    return control->journal_good;
}

static void tick(struct control *control)
{
    const struct kv_out out = out_of(control);
    int64_t next = kv_tick(control->kv, control->now_ns / MS_NS, &out);

    control->kv_ns = next < 0 ? INT64_MAX : next * MS_NS;
    if (next >= 0)
        control_wake(control, control->kv_ns);
}

/* Something was done: what it makes due is pushed, unless a push is near anyway. */
static void tick_soon(struct control *control)
{
    if (control->kv_ns > control->now_ns + KV_PUSH_MS * MS_NS)
        tick(control);
}

/* 0 when the store takes what its owner does. */
static int may_change(const struct control *control)
{
    const struct fold *fold = &control->fold;

    if (!control->begun || (fold->state != RUN_SPAWNING && fold->state != RUN_RUNNING))
        return -EAGAIN;
    return at_hand(control, fold->attempt) ? 0 : -ENOMEM;
}

int meeting_set(struct control *control, struct str key, struct str value)
{
    const struct kv_out out = out_of(control);
    int r = may_change(control);

    if (r == 0)
        r = kv_set(control->kv, key, value, control->now_ns / MS_NS, &out);
    if (r == 0)
        tick_soon(control);
    return r;
}

int meeting_delete(struct control *control, struct str key)
{
    const struct kv_out out = out_of(control);
    int r = may_change(control);

    if (r == 0)
        r = kv_delete(control->kv, key, control->now_ns / MS_NS, &out);
    if (r == 0)
        tick_soon(control);
    return r;
}

void meeting_take(struct control *control, uint32_t node, const struct msg_store *up)
{
    const struct node_fact *fact = &control->fold.nodes[node];
    const struct kv_out out = out_of(control);
    struct err err = {0};

    if (!at_hand(control, up->attempt) || fact->node_rank < 0)
        return;
    if (kv_take(control->kv, (uint32_t)fact->node_rank, fact->incarnation, up->bytes,
                control->now_ns / MS_NS, &out, &err) == 0) {
        tick_soon(control);
        return;
    }
    if (!control->live[node].garbage)
        control_say(control, EV_NOTE, node, "store: %s", err.text);
    control->live[node].garbage = true;
}

void meeting_node_up(struct control *control, uint32_t node)
{
    const struct node_fact *fact = &control->fold.nodes[node];
    const struct kv_out out = out_of(control);

    if (at_hand(control, control->live[node].attempt) && fact->node_rank >= 0 && !fact->empty)
        kv_node_up(control->kv, (uint32_t)fact->node_rank, &out);
}

void meeting_tick(struct control *control)
{
    if (control->kv && control->now_ns >= control->kv_ns)
        tick(control);
    else if (control->kv && control->kv_ns != INT64_MAX)
        control_wake(control, control->kv_ns);
}
