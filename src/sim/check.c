/* sim/check - what must always hold, whatever dies. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#define WAYS_BACK 20 /* messages and commits until what is left on a node is ended */

/* Whoever has heard a newer controller does nothing that an older one says. */
void check_obeys(struct sim *sim, uint32_t node)
{
    if (sim->nodes[node].rival)
        sim_break(sim, "node %u obeys a controller of an older generation", node);
}

/* What is resumed was saved, whole. */
void check_start(struct sim *sim, uint32_t node, const struct msg_start *start)
{
    check_obeys(sim, node);
    if (start->attempt <= sim->spawned_attempt)
        return;
    sim->resume_step = start->resume_step;
    if (start->resume_step > 0 && start->resume_step > sim->program.checkpoint_step)
        sim_break(sim, "attempt %u resumes step %lld, and %lld was saved last", start->attempt,
                  (long long)start->resume_step, (long long)sim->program.checkpoint_step);
}

/* No rank twice in an attempt. */
void check_spawn(struct sim *sim, uint32_t attempt, uint32_t rank, uint32_t world)
{
    if (attempt < sim->spawned_attempt) {
        /* A node that was given up may learn of its START late; then nobody waits for it. */
        return;
    }
    if (attempt > sim->spawned_attempt) {
        memset(sim->spawned, 0, (size_t)sim->config.job->ranks);
        sim->spawned_attempt = attempt;
    }
    if (rank >= world || rank >= (uint32_t)sim->config.job->ranks)
        sim_break(sim, "attempt %u starts rank %u of %u", attempt, rank, world);
    else if (sim->spawned[rank]++)
        sim_break(sim, "rank %u is started twice in attempt %u", rank, attempt);
}

/* Its exit, or that its node was lost with all ranks on it, which comes to the same. */
static bool stored(const struct sim *sim, uint32_t node, uint32_t attempt, int64_t rank)
{
    for (size_t i = sim->disk.events.count; i-- > 0;) {
        const struct run_event *event = &sim->disk.events.items[i];

        if (event->attempt != attempt)
            continue;
        if ((event->kind == EV_RANK_EXITED && event->rank == rank) ||
            (event->kind == EV_NODE_LOST && event->node == node))
            return true;
    }
    return false;
}

/* No event lost after it was acknowledged: a rank's exit that is acknowledged is on disk. */
void check_ack(struct sim *sim, uint32_t index, uint64_t number)
{
    struct sim_node *node = &sim->nodes[index];

    for (size_t i = 0; i < node->exits.count;) {
        struct sim_exit exit = node->exits.items[i];

        if (exit.number > number) {
            i++;
            continue;
        }
        if (!stored(sim, index, exit.attempt, exit.rank))
            sim_break(sim,
                      "node %u: the exit of rank %lld in attempt %u was acknowledged and is "
                      "not stored",
                      index, (long long)exit.rank, exit.attempt);
        node->exits.items[i] = node->exits.items[--node->exits.count];
    }
}

/* Has the controller written this node off since that attempt began? Its ranks may live on without
 * harm until it comes back: they have a store of their own and nobody reads what they say. */
static bool written_off(const struct sim *sim, const struct sim_node *node, uint32_t attempt)
{
    for (size_t i = sim->disk.events.count; i-- > 0;) {
        const struct run_event *event = &sim->disk.events.items[i];

        if (event->attempt < attempt)
            return false;
        if (event->node == node->index && event->kind == EV_NODE_LOST)
            return true;
    }
    return false;
}

/* No two attempts alive at once, but for nodes that are written off. */
static void check_attempts(struct sim *sim)
{
    uint32_t newest = 0;

    for (uint32_t i = 0; i < sim->config.nodes; i++)
        for (uint32_t r = 0; sim->nodes[i].alive && r < sim->nodes[i].rank_count; r++)
            if (sim->nodes[i].ranks[r].attempt > newest)
                newest = sim->nodes[i].ranks[r].attempt;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        for (uint32_t r = 0; sim->nodes[i].alive && r < sim->nodes[i].rank_count; r++) {
            uint32_t attempt = sim->nodes[i].ranks[r].attempt;

            if (attempt && attempt < newest && !written_off(sim, &sim->nodes[i], attempt)) {
                sim_break(sim, "rank %u of attempt %u lives on node %u while attempt %u runs",
                          sim->nodes[i].first_rank + r, attempt, i, newest);
                return;
            }
        }
}

/* Looked at only when something was started: it costs a walk over all ranks. */
void check_all(struct sim *sim)
{
    if (sim->config.checks && sim->spawned_attempt != sim->checked_attempt) {
        check_attempts(sim);
        sim->checked_attempt = sim->spawned_attempt;
    }
}

static bool happened(const struct sim *sim, enum run_event_kind kind)
{
    for (size_t i = 0; i < sim->disk.events.count; i++)
        if (sim->disk.events.items[i].kind == kind)
            return true;
    return false;
}

/* Independent ranks are ended only when somebody wants the run's end, on a node that was written
 * off, or by an agent that has been alone for too long. */
void check_signal(struct sim *sim, uint32_t index)
{
    const struct sim_node *node = &sim->nodes[index];

    if (sim->config.job->independent && node->alive && ranks_welcomed(node->machine) &&
        !happened(sim, EV_STOP_ASKED) && !written_off(sim, node, node->spawned_attempt))
        sim_break(sim, "independent ranks of node %u are ended, and nobody wanted that", index);
}

static uint32_t newest_attempt(const struct sim *sim)
{
    for (size_t i = sim->disk.events.count; i-- > 0;)
        if (sim->disk.events.items[i].kind == EV_ATTEMPT_BEGUN)
            return sim->disk.events.items[i].attempt;
    return 0;
}

static void look_at_returned(struct sim *sim, const struct sim_event *event)
{
    const struct sim_node *node = &sim->nodes[event->node];
    bool quiet = node->smooth_ns <= node->linked_ns && sim->disk.full_until_ns <= node->linked_ns;

    if (!sim->control || !quiet || event->epoch != node->agent_epoch || !node->attached ||
        !node->link_up || node->link_epoch != (uint32_t)event->a ||
        sim->controller_epoch != (uint32_t)event->b)
        return;
    for (uint32_t r = 0; r < node->rank_count; r++) {
        uint32_t attempt = node->ranks[r].attempt;

        if (attempt && (attempt < newest_attempt(sim) || written_off(sim, node, attempt)))
            sim_break(sim, "node %u is back, and rank %u of attempt %u lives on there", event->node,
                      node->first_rank + r, attempt);
    }
}

/* What lives on a node that was written off is ended soon after it is back. */
void check_return(struct sim *sim, uint32_t index)
{
    const struct sim_config *config = &sim->config;
    double ways_s = (config->latency_ms + config->jitter_ms + config->disk_ms) / 1000 * WAYS_BACK;
    double bound_s = config->job->node_timeout_s / 3 + config->job->abort_grace_s + ways_s;
    const struct sim_node *node = &sim->nodes[index];

    if (config->checks && node->alive)
        sim_at(sim, (int64_t)(bound_s * SIM_S),
               (struct sim_event){.act = look_at_returned,
                                  .node = index,
                                  .epoch = node->agent_epoch,
                                  .a = node->link_epoch,
                                  .b = sim->controller_epoch});
}

/* The stored events lead to what the controller holds. */
void check_fold(struct sim *sim)
{
    struct buf mine = {0}, folded = {0};

    if (!sim->folded || !sim->control)
        return;
    control_print_durable(sim->control, &mine);
    control_print_durable(sim->folded, &folded);
    if (!str_eq((struct str){mine.p, mine.len}, (struct str){folded.p, folded.len}))
        sim_break(sim, "the controller holds what the stored events do not lead to");
    buf_done(&mine);
    buf_done(&folded);
}

/* It ended well when every rank exited 0, and only then. */
static void check_ends_of_all(struct sim *sim, int exit_code)
{
    uint32_t well = 0, world = 0;

    for (size_t i = 0; i < sim->disk.events.count; i++) {
        const struct run_event *event = &sim->disk.events.items[i];

        if (event->kind == EV_ATTEMPT_BEGUN)
            world = (uint32_t)event->b;
        well += event->kind == EV_RANK_EXITED && event->a == 0;
    }
    if (!happened(sim, EV_STOP_ASKED) && (exit_code == 0) != (world && well == world))
        sim_break(sim, "%u of %u independent ranks exited 0, and the run with %d", well, world,
                  exit_code);
}

/* Nothing of a run that has ended lives where the controller could end it. */
void check_end(struct sim *sim, int exit_code)
{
    if (sim->config.checks && sim->config.job->independent)
        check_ends_of_all(sim, exit_code);
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        if (sim->nodes[i].alive && sim->nodes[i].link_up && sim->nodes[i].greeted)
            sim_break(sim, "the run has ended, and %u ranks live on node %u", sim->nodes[i].alive,
                      i);
}

/* Every run reaches an end or makes progress. */
void check_progress(struct sim *sim)
{
    double idle_h = (double)(sim->now_ns - sim->program.best_ns) / 3600 / SIM_S;

    if (!sim->ended && sim->config.idle_h_max > 0 && idle_h > sim->config.idle_h_max)
        sim_break(sim, "no new step for %.1f hours, and the run has not ended", idle_h);
}
