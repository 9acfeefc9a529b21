/* sim/faults - what goes wrong: one row a kind, each with its own waiting times. */
#include "sim/world.h"

#include <signal.h>

static struct sim_node *some_node(struct sim *sim)
{
    return &sim->nodes[rng_below(&sim->fate, sim->config.nodes)];
}

static void crash_rank(struct sim *sim)
{
    static const int statuses[] = {SIGSEGV, 1 << 8, SIGKILL, 137 << 8};
    struct sim_node *node = some_node(sim);

    if (node->alive)
        program_rank_dies(sim, &node->ranks[rng_below(&sim->fate, node->rank_count)],
                          statuses[rng_below(&sim->fate, ARRAY_LEN(statuses))], 0);
}

static double nodes_each(const struct sim *sim)
{
    return sim->config.nodes_each > 0 ? sim->config.nodes_each : 1;
}

/* Does it hold a place of the newest attempt, or will it, of the first? */
static bool has_place(const struct sim *sim, const struct sim_node *node)
{
    return sim->spawned_attempt ? node->spawned_attempt == sim->spawned_attempt
                                : node->index < sim->config.job->nodes;
}

/* One that stands for many is lost so much more often. */
static struct sim_node *some_node_by_weight(struct sim *sim)
{
    double placed = (double)sim->config.job->nodes * nodes_each(sim);
    double spare = (double)(sim->config.nodes - sim->config.job->nodes);
    bool place = rng_unit(&sim->fate) * (placed + spare) < placed;
    uint32_t first = some_node(sim)->index;

    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        struct sim_node *node = &sim->nodes[(first + i) % sim->config.nodes];

        if (has_place(sim, node) == place)
            return node;
    }
    return &sim->nodes[first];
}

static void lose_node(struct sim *sim)
{
    double hours = sim->config.node_repair_h;
    int64_t back_ns = hours > 0 ? sim->now_ns + (int64_t)(hours * 3600 * SIM_S) : INT64_MAX;
    struct sim_node *node = some_node_by_weight(sim);

    if (node->host_up) /* what is lost already is lost no more */
        node_lose(sim, node->index, back_ns);
}

static void kill_agent(struct sim *sim)
{
    node_kill_agent(sim, some_node(sim)->index);
}

static void break_link(struct sim *sim)
{
    network_cut(sim, some_node(sim)->index, false);
}

/* What was on its way is sent again, each time later. */
static void partition(struct sim *sim)
{
    uint64_t share = 1 + rng_below(&sim->fate, sim->config.nodes);
    int64_t until_ns = sim->now_ns + (int64_t)(sim->config.partition_s * SIM_S);

    for (uint64_t i = 0; i < share; i++) {
        struct sim_node *node = some_node(sim);
        double late_s = sim->config.partition_s / 2 * rng_unit(&sim->fate);

        if (sim->now_ns < node->partitioned_ns)
            continue;
        node->partitioned_ns = until_ns;
        network_stall(sim, node->index, SIM_DOWN, until_ns + (int64_t)(late_s * SIM_S));
        network_stall(sim, node->index, SIM_UP, until_ns + (int64_t)(late_s * SIM_S));
    }
}

static void stall(struct sim *sim)
{
    network_stall(sim, some_node(sim)->index, (enum sim_way)rng_below(&sim->fate, 2),
                  sim->now_ns + (int64_t)(sim->config.stall_s * SIM_S));
}

static void restart_agent(struct sim *sim)
{
    struct sim_node *node = some_node(sim);

    if (node->agent_up)
        node_launch(sim, node->index);
}

static void wish(struct sim *sim, enum control_wish what)
{
    if (sim->control)
        control_wish(sim->control, what, "a person", sim->now_ns);
}

static void save(struct sim *sim)
{
    wish(sim, WISH_SAVE);
}

static void stop(struct sim *sim)
{
    wish(sim, WISH_STOP);
}

static void end(struct sim *sim)
{
    wish(sim, WISH_KILL);
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
    sim_at(sim, (int64_t)(sim->config.controller_restart_s * SIM_S),
           (struct sim_event){.act = restart_controller});
}

static void fill_disk(struct sim *sim)
{
    sim->disk.full_until_ns = sim->now_ns + (int64_t)(sim->config.disk_full_s * SIM_S);
}

static double per_nodes(const struct sim *sim, double rate)
{
    return rate * sim->config.nodes;
}

static double per_nodes_each(const struct sim *sim, double rate)
{
    double places = (double)sim->config.job->nodes;

    return rate * (places * nodes_each(sim) + sim->config.nodes - places);
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
    {lose_node, per_nodes_each, offsetof(struct sim_config, node_losses)},
    {kill_agent, per_nodes, offsetof(struct sim_config, agent_kills)},
    {break_link, per_nodes, offsetof(struct sim_config, link_breaks)},
    {partition, once, offsetof(struct sim_config, partitions)},
    {kill_controller, once, offsetof(struct sim_config, controller_kills)},
    {fill_disk, once, offsetof(struct sim_config, disk_full)},
    {stall, per_nodes, offsetof(struct sim_config, stalls)},
    {restart_agent, per_nodes, offsetof(struct sim_config, agent_restarts)},
    {save, once, offsetof(struct sim_config, saves)},
    {stop, once, offsetof(struct sim_config, stops)},
    {end, once, offsetof(struct sim_config, kills)},
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
        sim_at(sim, wait, (struct sim_event){.act = strike, .a = (int64_t)kind});
}

void faults_begin(struct sim *sim)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        plan(sim, i);
}
