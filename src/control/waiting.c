/* Who is waited for: nodes while gathering, ranks that never spoke to the store, keys that nobody
 * has set. Always current for the view; as an event when it lasts, and not too often. */
#include "control/state.h"

#include <string.h>

#define WAITING_NS      (10 * SECOND_NS)
#define WAITING_TOLD_NS (30 * SECOND_NS)

static bool never_connected(const struct control *c, uint32_t rank, const void *data)
{
    (void)data;
    return !c->ranks[rank].connected && c->fold.rank_ends[rank] == RANK_LIVES;
}

static bool waits_for(const struct control *c, uint32_t rank, const void *key)
{
    return c->ranks[rank].wait && strcmp(c->ranks[rank].wait, key) == 0;
}

static bool waits_at_all(const struct control *c, const char *key)
{
    for (uint32_t rank = 0; rank < c->fold.world; rank++)
        if (waits_for(c, rank, key))
            return true;
    return false;
}

static void print_key(struct control *c, struct buf *out)
{
    struct kv_wait wait;
    char key[KEY_BYTES + 1];

    if (!c->kv || !kv_waits(c->kv, &wait, 1) ||
        c->now_ns / 1000000 - wait.since_ms < WAITING_NS / 1000000)
        return;
    str_keep(key, sizeof(key), wait.key);
    if (waits_at_all(c, key))
        (void)control_print_ranks(c, false, waits_for, key, out);
    else
        buf_printf(out, "%u node%s", wait.nodes, wait.nodes == 1 ? "" : "s");
    buf_printf(out, " wait for key %s that nobody has set", key);
}

static void print_ranks(struct control *c, struct buf *out)
{
    if (c->connected && c->connected + c->fold.ranks_ended < c->fold.world &&
        c->now_ns - c->entered_ns >= WAITING_NS && c->now_ns - c->connected_ns >= WAITING_NS) {
        buf_puts(out, "waiting for ");
        (void)control_print_ranks(c, true, never_connected, NULL, out);
        buf_puts(out, ": never connected");
    } else {
        print_key(c, out);
    }
}

static void print_nodes(const struct control *c, struct buf *out)
{
    if (c->ready >= c->config.job->nodes)
        return;
    buf_puts(out, "waiting for ");
    node_print_missing(c, out);
}

void waiting_watch(struct control *c)
{
    struct buf text = {0};

    if (c->fold.state == RUN_GATHERING && !c->checking)
        print_nodes(c, &text);
    else if (c->fold.state == RUN_RUNNING && !c->config.job->independent)
        print_ranks(c, &text);
    str_keep(c->waiting, SENTENCE_MAX, (struct str){text.p, text.len});
    buf_done(&text);
    if (!c->waiting[0]) {
        c->waiting_ns = 0;
        return;
    }
    if (!c->waiting_ns)
        c->waiting_ns = c->now_ns;
    if ((c->fold.state == RUN_GATHERING && c->now_ns - c->waiting_ns < WAITING_NS) ||
        (c->waiting_told_ns && c->now_ns - c->waiting_told_ns < WAITING_TOLD_NS) ||
        (c->waiting_told_ns >= c->waiting_ns && strcmp(c->waiting, c->waiting_told) == 0))
        return;
    memcpy(c->waiting_told, c->waiting, SENTENCE_MAX);
    c->waiting_told_ns = c->now_ns;
    control_say(c, EV_WAITING, -1, "%s", c->waiting);
}
