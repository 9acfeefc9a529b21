#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>

static int make_nodes(struct sim *sim)
{
    uint32_t nproc = (uint32_t)sim->config.job->nproc;

    sim->nodes = calloc(sim->config.nodes, sizeof(*sim->nodes));
    sim->names = calloc(sim->config.nodes, sizeof(*sim->names));
    sim->spawned = calloc((size_t)sim->config.job->ranks + 1, 1);
    if (!sim->nodes || !sim->names || !sim->spawned)
        return -ENOMEM;
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        struct sim_node *node = &sim->nodes[i];

        *node = (struct sim_node){.sim = sim, .index = i, .host_up = true};
        node->clock_ns =
            (int64_t)((rng_unit(&sim->rng) * 2 - 1) * sim->config.clock_offset_ms * SIM_MS) +
            3600 * SIM_S; /* monotonic clocks are never negative */
        node->ranks = calloc(nproc, sizeof(*node->ranks));
        sim->names[i] = arena_printf(sim->arena, "n%04u", i);
        if (!node->ranks || !sim->names[i])
            return -ENOMEM;
        for (uint32_t r = 0; r < nproc; r++)
            node->ranks[r].node = node;
    }
    return 0;
}

static void account(struct sim *sim)
{
    const struct sim_program *program = &sim->program;
    struct sim_result *result = &sim->result;
    double trained_s = (double)program->trained_ns / SIM_S, all_s = (double)sim->now_ns / SIM_S;

    result->hours = all_s / 3600;
    result->steps_kept = sim->ended ? program->checkpoint_step : program->best_step;
    result->training_s = (double)result->steps_kept * sim->config.step_s;
    result->lost_progress_s = trained_s - result->training_s;
    result->down_s = all_s - trained_s - result->checkpoint_overhead_s;
    for (size_t i = 0; i < sim->disk.events.count; i++) {
        const struct run_event *event = &sim->disk.events.items[i];

        result->attempts += event->kind == EV_ATTEMPT_BEGUN;
        result->swaps += event->kind == EV_NODE_SWAPPED;
        result->adoptions += event->kind == EV_CONTROLLER_STARTED;
    }
}

static void done(struct sim *sim)
{
    controller_done(sim);
    for (uint32_t i = 0; sim->nodes && i < sim->config.nodes; i++) {
        node_done(sim, i);
        vec_done(&sim->nodes[i].exits);
        free(sim->nodes[i].ranks);
    }
    sim_queue_done(&sim->queue);
    free(sim->nodes);
    free(sim->names);
    free(sim->spawned);
    arena_free(sim->arena);
}

static void run(struct sim *sim)
{
    struct sim_event event;

    controller_start(sim);
    controller_commit(sim);
    faults_begin(sim);
    while (!sim->ended && !sim->broken && sim_queue_take(&sim->queue, &event)) {
        if (event.at_ns > sim->end_ns) {
            sim->now_ns = sim->end_ns;
            free(event.data);
            break;
        }
        sim->now_ns = event.at_ns;
        event.act(sim, &event);
        free(event.data);
        controller_commit(sim);
        check_all(sim);
    }
    if (!sim->broken)
        check_progress(sim);
}

int sim_run(const struct sim_config *config, struct sim_result *result, struct err *err)
{
    struct sim sim = {.config = *config,
                      .rng = {config->seed},
                      .fate = {~config->seed},
                      .result = {.exit_code = -1},
                      .end_ns = (int64_t)(config->hours * 3600 * SIM_S),
                      .err = err};
    int r;

    sim.arena = arena_new(0);
    r = sim.arena ? make_nodes(&sim) : -ENOMEM;
    if (r < 0) {
        done(&sim);
        return err_set(err, r, "no memory for %u nodes", config->nodes);
    }
    run(&sim);
    account(&sim);
    *result = sim.result;
    r = sim.broken ? -EPROTO : 0;
    done(&sim);
    return r;
}
