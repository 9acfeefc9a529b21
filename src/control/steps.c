/* Where the program is: steps, losses, tokens and phases, as STATUS and AGENT_PHASE say. */
#include "control/state.h"

#include "progress/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRIC_NS ((int64_t)100000000) /* ten a second at most */

void steps_reset(struct control *c)
{
    for (uint32_t i = 0; i < c->world_max; i++) {
        free(c->ranks[i].wait);
        c->ranks[i] = (struct rank_live){.step = -1, .tokens = -1};
    }
    c->connected = 0;
    c->reporter = c->total = c->tokens = c->metric_step = c->metric_told = -1;
    c->metric_ns = c->step_ns = c->load_ns = 0;
    c->loss = NAN;
    c->sample_count = 0;
    c->phases_done = false;
}

static void tell_step(struct control *c, int64_t step)
{
    struct run_event event = event_of(EV_STEP);

    event.a = step;
    event.rank = c->reporter;
    control_emit(c, event);
}

static void tell_metric(struct control *c)
{
    const struct store_metric metric = {
        .attempt = c->fold.attempt,
        .step = c->metric_step,
        .total = c->total,
        .at_ns = c->now_ns + c->wall_minus_mono_ns,
        .tokens = c->tokens,
        .loss = c->loss,
    };

    c->metric_ns = c->now_ns;
    c->metric_told = c->metric_step;
    c->world.metric(c->world.data, &metric);
}

void steps_tell_best(struct control *c)
{
    if (c->metric_step != c->metric_told) /* it came too soon after another */
        tell_metric(c);
    if (c->reporter >= 0 && c->metric_step > c->fold.best_step)
        tell_step(c, c->metric_step);
}

static void load_ended(struct control *c)
{
    if (c->load_ns)
        return;
    c->load_ns = c->now_ns;
    control_phase(c, PHASE_LOAD);
}

void steps_phase(struct control *c, int64_t phase, int64_t at_ns)
{
    (void)at_ns;
    if (phase < 0 || phase > PAGE_PHASE_DONE || c->fold.world == 0)
        return;
    c->ranks[0].phase = (uint8_t)phase;
    c->step_ns = c->now_ns; /* another phase may take its own time */
    if (phase == PAGE_PHASE_STEP && c->fold.state == RUN_RUNNING)
        load_ended(c);
}

static void keep_sample(struct control *c, int64_t step)
{
    struct sample *last = c->sample_count ? &c->samples[c->sample_count - 1] : NULL;

    if (last && c->now_ns - last->at_ns < SECOND_NS)
        return;
    if (c->sample_count == SAMPLES) {
        memmove(c->samples, c->samples + 1, (SAMPLES - 1) * sizeof(*c->samples));
        c->sample_count--;
    }
    c->samples[c->sample_count++] =
        (struct sample){.at_ns = c->now_ns, .step = step, .tokens = c->tokens};
}

double steps_rate(const struct control *c, bool tokens)
{
    const struct sample *first = &c->samples[0], *last;
    int64_t from, to;

    if (c->sample_count < 2)
        return -1;
    last = &c->samples[c->sample_count - 1];
    from = tokens ? first->tokens : first->step;
    to = tokens ? last->tokens : last->step;
    return from < 0 || to < from ? -1
                                 : (double)(to - from) * 1e9 / (double)(last->at_ns - first->at_ns);
}

/* The rank that speaks for all is at another step. While an attempt ends, its last step counts,
 * and end_attempt tells it. */
static void new_step(struct control *c, int64_t step)
{
    int64_t wall_ns = c->now_ns + c->wall_minus_mono_ns;
    bool first = c->fold.step < 0;

    if (step == c->metric_step)
        return;
    c->metric_step = step;
    c->step_ns = c->now_ns;
    keep_sample(c, step);
    if (!c->metric_ns || c->now_ns - c->metric_ns >= METRIC_NS)
        tell_metric(c);
    if (c->fold.state != RUN_RUNNING)
        return;
    if (first || (step > c->fold.best_step && wall_ns - c->fold.step_told_at >= STEP_EVERY_NS))
        tell_step(c, step);
    if (c->phases_done)
        return;
    c->phases_done = true;
    if (c->load_ns)
        control_phase(c, PHASE_FIRST_STEP);
    load_ended(c);
}

static int64_t item(const struct i64_list *list, uint32_t i, int64_t missing)
{
    return i < list->count ? list->items[i] : missing;
}

static void keep_wait(struct rank_live *rank, struct str key)
{
    if (key.len > KEY_BYTES)
        key.len = KEY_BYTES;
    if (rank->wait && str_is(key, rank->wait))
        return;
    free(rank->wait);
    rank->wait = key.len ? strndup(key.p, key.len) : NULL;
}

static void take_rank(struct control *c, uint32_t rank, uint32_t i, const struct msg_status *status)
{
    struct rank_live *live = &c->ranks[rank];
    int64_t tokens = item(&status->tokens, i, -1), phase = item(&status->phase, i, 0);
    bool connected = item(&status->connected, i, 0) == 1;

    if (connected && !live->connected) {
        c->connected++;
        c->connected_ns = c->now_ns;
    }
    live->connected |= connected;
    live->step = item(&status->step, i, -1);
    live->phase = phase >= 0 && phase <= PAGE_PHASE_DONE ? (uint8_t)phase : 0;
    keep_wait(live, i < status->waits.count ? status->waits.items[i] : (struct str){0});
    if (tokens >= 0 && tokens < INT64_MAX / 4) {
        c->tokens =
            (c->tokens < 0 ? 0 : c->tokens) + tokens - (live->tokens < 0 ? 0 : live->tokens);
        live->tokens = tokens;
    }
    if (live->step >= 0 && (c->reporter < 0 || rank < c->reporter))
        c->reporter = rank;
}

static void rendezvous_done(struct control *c)
{
    if (c->fold.rendezvous_at || c->connected < c->fold.world || c->fold.state != RUN_RUNNING)
        return;
    control_phase(c, PHASE_RENDEZVOUS);
    control_emit(c, event_of(EV_RENDEZVOUS));
}

void steps_status(struct control *c, uint32_t node, const struct msg_status *status)
{
    const struct fold *fold = &c->fold;
    uint32_t first, count;

    if (status->attempt != fold->attempt || fold->nodes[node].node_rank < 0 ||
        fold->state < RUN_SPAWNING || fold->state > RUN_STOPPING)
        return;
    count = fold_ranks_of(c, node, &first);
    for (uint32_t i = 0; i < count; i++)
        take_rank(c, first + i, i, status);
    rendezvous_done(c);
    if (c->reporter < first || c->reporter >= (int64_t)first + count)
        return;
    if (item(&status->total, (uint32_t)c->reporter - first, -1) >= 0)
        c->total = status->total.items[c->reporter - first];
    if ((uint32_t)c->reporter - first < status->loss.count)
        c->loss = status->loss.items[c->reporter - first];
    if (fold->state >= RUN_RUNNING)
        new_step(c, c->ranks[c->reporter].step);
}

struct behind {
    int64_t most;
    uint8_t phase;
};

static bool is_behind(const struct control *c, uint32_t rank, const void *data)
{
    const struct behind *behind = data;

    return c->fold.rank_ends[rank] == RANK_LIVES && c->ranks[rank].step < behind->most;
}

static bool is_waiting(const struct control *c, uint32_t rank, const void *key)
{
    return c->ranks[rank].wait && strcmp(c->ranks[rank].wait, key) == 0;
}

/* Who is behind, else who waits for a key, else nothing is known but the step. */
static void print_hang(const struct control *c, struct buf *out)
{
    struct behind behind = {.most = -1};
    const char *key = NULL;
    uint32_t at_most = 0;

    for (uint32_t rank = 0; rank < c->fold.world; rank++) {
        if (c->ranks[rank].step > behind.most) {
            behind.most = c->ranks[rank].step;
            at_most = 0;
        }
        at_most += c->ranks[rank].step == behind.most;
        if (c->ranks[rank].wait && !key)
            key = c->ranks[rank].wait;
    }
    if (at_most < c->fold.world && at_most > 1) {
        (void)control_print_ranks(c, true, is_behind, &behind, out);
        buf_printf(out, " did not reach step %lld, where %u are", (long long)behind.most, at_most);
    } else {
        buf_printf(out, "all that say a step are at step %lld", (long long)behind.most);
    }
    if (!key)
        return;
    buf_puts(out, "; ");
    (void)control_print_ranks(c, false, is_waiting, key, out);
    buf_printf(out, " wait for key %s", key);
}

/* Between two steps of the program, as far as anybody can tell. */
static bool is_stepping(const struct control *c)
{
    uint8_t phase = c->reporter >= 0 ? c->ranks[c->reporter].phase : PAGE_PHASE_NONE;
    bool done = c->total >= 0 && c->metric_step + 1 >= c->total;

    return c->metric_step >= 0 && !done && c->fold.ranks_ended < c->fold.world &&
           (phase == PAGE_PHASE_STEP || phase == PAGE_PHASE_NONE);
}

static void watch_for_hang(struct control *c)
{
    struct run_event event = event_of(EV_HANG);
    struct buf text = {0};

    event.a = c->now_ns - c->step_ns;
    if (c->config.job->hang_s <= 0 || !is_stepping(c) ||
        event.a < (int64_t)(c->config.job->hang_s * 1e9))
        return;
    print_hang(c, &text);
    event.text = (struct str){text.p, text.len};
    control_emit(c, event);
    buf_done(&text);
}

void steps_watch(struct control *c)
{
    if (c->fold.state == RUN_RUNNING)
        watch_for_hang(c);
}
