/* sim/faults - what goes wrong: one row a kind, each with its own waiting times. */
#include "sim/world.h"

#include <signal.h>

static struct sim_node *some_node(struct sim *sim)
{
    return &sim->nodes[rng_below(&sim->rng, sim->config.nodes)];
}

static void crash_rank(struct sim *sim)
{
    static const int statuses[] = {SIGSEGV, 1 << 8, SIGKILL, 137 << 8};
    struct sim_node *node = some_node(sim);

    if (node->alive)
        node_rank_dies(sim, &node->ranks[rng_below(&sim->rng, node->rank_count)],
                       statuses[rng_below(&sim->rng, ARRAY_LEN(statuses))], 0);
}

static void lose_node(struct sim *sim)
{
    double hours = sim->config.node_repair_h;
    int64_t back_ns = hours > 0 ? sim->now_ns + (int64_t)(hours * 3600 * SIM_S) : INT64_MAX;

    node_lose(sim, some_node(sim)->index, back_ns);
}

static void kill_agent(struct sim *sim)
{
    node_kill_agent(sim, some_node(sim)->index);
}

static void break_link(struct sim *sim)
{
    network_cut(sim, some_node(sim)->index, false);
}

static void heal(struct sim *sim, const struct sim_event *event)
{
    sim->nodes[event->node].partitioned = false;
}

static void partition(struct sim *sim)
{
    uint64_t share = 1 + rng_below(&sim->rng, sim->config.nodes);

    for (uint64_t i = 0; i < share; i++) {
        struct sim_node *node = some_node(sim);

        if (node->partitioned)
            continue;
        node->partitioned = true;
        sim_at(sim, (int64_t)(sim->config.partition_s * SIM_S), heal, node->index, 0, 0, 0, NULL);
    }
}

static void restart_controller(struct sim *sim, const struct sim_event *event)
{
    (void)event;
    if (!sim->control)
        controller_start(sim);
}

static void kill_controller(struct sim *sim)
{
    if (!sim->control)
        return;
    controller_kill(sim);
    sim_at(sim, (int64_t)(sim->config.controller_restart_s * SIM_S), restart_controller, 0, 0, 0, 0,
           NULL);
}

static void fill_disk(struct sim *sim)
{
    sim->disk.full_until_ns = sim->now_ns + (int64_t)(sim->config.disk_full_s * SIM_S);
}

static double per_nodes(const struct sim *sim, double rate)
{
    return rate * sim->config.nodes;
}

static double per_ranks(const struct sim *sim, double rate)
{
    return rate * (double)sim->config.job->ranks;
}

static double once(const struct sim *sim, double rate)
{
    (void)sim;
    return rate;
}

static const struct fault {
    void (*happen)(struct sim *sim);
    double (*rate)(const struct sim *sim, double rate);
    size_t offset; /* of its rate in sim_config */
} faults[] = {
    {crash_rank, per_ranks, offsetof(struct sim_config, rank_crashes)},
    {lose_node, per_nodes, offsetof(struct sim_config, node_losses)},
    {kill_agent, per_nodes, offsetof(struct sim_config, agent_kills)},
    {break_link, per_nodes, offsetof(struct sim_config, link_breaks)},
    {partition, once, offsetof(struct sim_config, partitions)},
    {kill_controller, once, offsetof(struct sim_config, controller_kills)},
    {fill_disk, once, offsetof(struct sim_config, disk_full)},
};

static void plan(struct sim *sim, size_t kind);

static void strike(struct sim *sim, const struct sim_event *event)
{
    faults[event->a].happen(sim);
    plan(sim, (size_t)event->a);
}

static void plan(struct sim *sim, size_t kind)
{
    const struct fault *fault = &faults[kind];
    double rate = *(const double *)((const char *)&sim->config + fault->offset);
    int64_t wait = sim_wait(sim, fault->rate(sim, rate));

    if (wait < INT64_MAX - sim->now_ns)
        sim_at(sim, wait, strike, 0, 0, (int64_t)kind, 0, NULL);
}

void faults_begin(struct sim *sim)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        plan(sim, i);
}
