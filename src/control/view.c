/* What people see of a run. */
#include "control/state.h"

#include "progress/page.h"

#include <math.h>
#include <stdio.h>

const char *run_state_name(enum run_state state)
{
    static const char *const names[] = {"gathering", "checking", "spawning", "running",
                                        "aborting",  "stopping", "leaving",  "ended"};

    return (size_t)state < ARRAY_LEN(names) ? names[state] : "?";
}

int64_t control_node_of_rank(const struct control *c, uint32_t rank)
{
    uint32_t node_rank = rank / c->nproc;

    return rank < c->fold.world && node_rank < c->fold.nnodes ? (int64_t)c->fold.assigned[node_rank]
                                                              : -1;
}

static void print_training(const struct control *c, struct buf *out)
{
    if (c->metric_step < 0) {
        buf_printf(out, "running: %u ranks on %u node%s", c->fold.world - c->fold.ranks_ended,
                   c->fold.nnodes, c->fold.nnodes == 1 ? "" : "s");
        return;
    }
    buf_printf(out, "training: step %lld", (long long)c->metric_step);
    if (c->total >= 0)
        buf_printf(out, " of %lld", (long long)c->total);
    if (!isnan(c->loss))
        buf_printf(out, ", loss %.4g", c->loss);
}

static void print_gathering(const struct control *c, struct buf *out)
{
    if (c->fold.attempt)
        buf_printf(out, "restarting (attempt %u): ", c->fold.attempt + 1);
    else
        buf_puts(out, "starting: ");
    if (c->checking)
        buf_puts(out, "looking for a checkpoint");
    else if (c->waiting[0])
        buf_puts(out, c->waiting);
    else
        buf_printf(out, "%u of %lld nodes", c->ready, (long long)c->config.job->nodes);
}

static void print_end(const struct control *c, struct buf *out)
{
    buf_puts(out, c->fold.cause ? run_exits[c->fold.cause].name : "done: every rank exited 0");
    if (c->fold.cause && c->fold.end_text[0])
        buf_printf(out, ": %s", c->fold.end_text);
}

static void print_headline(const struct control *c, struct buf *out)
{
    const struct fold *fold = &c->fold;

    switch (fold->state) {
    case RUN_GATHERING:
    case RUN_CHECKING:
        print_gathering(c, out);
        break;
    case RUN_SPAWNING:
        buf_printf(out, "starting %u ranks on %u nodes (attempt %u)", fold->world, fold->nnodes,
                   fold->attempt);
        break;
    case RUN_RUNNING:
        print_training(c, out);
        if (c->waiting[0])
            buf_printf(out, "; %s", c->waiting);
        break;
    case RUN_ABORTING:
        buf_printf(out, "attempt %u failed: %u of %u nodes are empty", fold->attempt,
                   fold->nodes_empty, fold->nnodes);
        break;
    case RUN_STOPPING:
        buf_printf(out, "stopping (%s): %u of %u ranks have left", fold->end_text,
                   fold->ranks_ended, fold->world);
        break;
    case RUN_LEAVING:
        print_end(c, out);
        break;
    case RUN_ENDED:
        buf_puts(out, fold->end_text);
        break;
    }
}

void control_view(struct control *c, int64_t now_ns, struct control_view *view)
{
    const struct fold *fold = &c->fold;
    bool lives = fold->state >= RUN_SPAWNING && fold->state <= RUN_STOPPING;
    double step_rate = steps_rate(c, false), token_rate = steps_rate(c, true);
    struct buf headline = {0};

    print_headline(c, &headline);
    str_keep(c->headline, SENTENCE_MAX, (struct str){headline.p, headline.len});
    buf_done(&headline);
    *view = (struct control_view){
        .state = c->checking ? RUN_CHECKING : fold->state,
        .cause = fold->cause ? fold->cause : fold->failed,
        .attempt = fold->attempt,
        .attempts_without_progress = fold->without_progress,
        .nodes_up = c->linked,
        .nodes_wanted = (uint32_t)c->config.job->nodes,
        .ranks_running =
            fold->state == RUN_SPAWNING || !lives ? 0 : fold->world - fold->ranks_ended,
        .world = fold->world ? fold->world : c->world_max,
        .step = c->metric_step >= 0 ? c->metric_step : fold->step,
        .total = c->total,
        .tokens_per_s = lives && token_rate >= 0 ? (int64_t)(token_rate + 0.5) : -1,
        .eta_s = -1,
        .ends_in_s = c->ends_wall_ns && fold->state < RUN_ENDED
                         ? (c->ends_wall_ns - now_ns - c->wall_minus_mono_ns) / SECOND_NS
                         : -1,
        .loss = c->loss,
        .phase = lives && c->ranks[0].phase ? page_phase_name(c->ranks[0].phase) : "",
        .waiting = c->waiting,
        .headline = c->headline,
        .state_since_ns = c->entered_ns,
        .exit_code = fold->exit_code,
    };
    for (uint32_t i = 0; i < c->config.node_count; i++)
        view->spares_up +=
            c->live[i].linked && (lives ? fold->nodes[i].node_rank : fold->nodes[i].slot) < 0;
    if (lives && step_rate > 0 && c->total >= c->metric_step)
        view->eta_s = (int64_t)((double)(c->total - c->metric_step) / step_rate + 0.5);
}
