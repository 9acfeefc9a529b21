/* sim/check - what must always hold, whatever dies. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

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

/* Every run reaches an end or makes progress. */
void check_progress(struct sim *sim)
{
    double idle_h = (double)(sim->now_ns - sim->program.best_ns) / 3600 / SIM_S;

    if (!sim->ended && sim->config.idle_h_max > 0 && idle_h > sim->config.idle_h_max)
        sim_break(sim, "no new step for %.1f hours, and the run has not ended", idle_h);
}
