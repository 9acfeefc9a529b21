/* sim/program - what the ranks of an attempt do together: load, step, checkpoint.
 *
 * As real ones do, they go on only while all are there: when one dies the others hang. */
#include "sim/world.h"

static void step_done(struct sim *sim, const struct sim_event *event);

static bool is_current(const struct sim *sim, const struct sim_event *event)
{
    return event->epoch == sim->program.epoch;
}

static void next_step(struct sim *sim)
{
    sim_at(sim, (int64_t)(sim->config.step_s * SIM_S), step_done, 0, sim->program.epoch, 0, 0,
           NULL);
}

static struct sim_node *first_node(struct sim *sim, uint32_t attempt)
{
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        if (sim->nodes[i].alive && sim->nodes[i].first_rank == 0 &&
            sim->nodes[i].ranks[0].attempt == attempt)
            return &sim->nodes[i];
    return NULL;
}

/* Rank 0's agent says where it is. */
static void say_step(struct sim *sim)
{
    struct sim_node *node = first_node(sim, sim->program.attempt);
    const int64_t step = sim->program.step, total = sim->config.steps_total;
    const int64_t none = -1, phase = 2, one = 1;
    const double loss = 2.5;
    const struct str nothing = STR("");
    struct message message = {
        .id = MSG_STATUS,
        .status = {.attempt = sim->program.attempt,
                   .step = {&step, 1},
                   .total = {total ? &total : &none, 1},
                   .tokens = {&none, 1},
                   .loss = {&loss, 1},
                   .phase = {&phase, 1},
                   .connected = {&one, sim->config.checks}, /* costs a walk over all ranks */
                   .waits = {&nothing, 1},
                   .log_size = {&none, 1}},
    };
    struct buf bytes = {0};

    if (!node || !node->machine || !ranks_welcomed(node->machine))
        return;
    message_encode(&message, &bytes);
    network_send(sim, node->index, SIM_UP, (struct str){bytes.p, bytes.len});
}

static void checkpoint_done(struct sim *sim, const struct sim_event *event)
{
    struct sim_program *program = &sim->program;
    struct sim_node *node;

    if (!is_current(sim, event))
        return;
    program->writing = false;
    program->checkpoint_step = program->step;
    sim->result.checkpoint_overhead_s += sim->config.checkpoint_write_s;
    node = first_node(sim, program->attempt);
    if (node && node->machine)
        ranks_checkpoint_saved(node->machine, 0, program->step, STR("/ckpt/step"),
                               node_clock(sim, node), node_clock(sim, node));
    if (program->stopping)
        node_all_exit(sim, program->attempt);
    else
        next_step(sim);
}

static void write_checkpoint(struct sim *sim)
{
    sim->program.writing = true;
    sim->program.saving = false;
    sim->program.checkpoint_at_ns = sim->now_ns;
    sim_at(sim, (int64_t)(sim->config.checkpoint_write_s * SIM_S), checkpoint_done, 0,
           sim->program.epoch, 0, 0, NULL);
}

static void step_done(struct sim *sim, const struct sim_event *event)
{
    struct sim_program *program = &sim->program;
    bool last;

    if (!is_current(sim, event))
        return;
    program->step++;
    if (program->step > program->best_step) {
        program->best_step = program->step;
        program->best_ns = sim->now_ns;
    }
    last = sim->config.steps_total && program->step >= sim->config.steps_total;
    program->trained_ns += (int64_t)(sim->config.step_s * SIM_S);
    if (sim->now_ns - program->said_ns >= (int64_t)(sim->config.report_s * SIM_S) || last) {
        program->said_ns = sim->now_ns;
        say_step(sim);
    }
    if (last) {
        program->checkpoint_step = program->step;
        node_all_exit(sim, program->attempt);
    } else if (program->stopping || program->saving ||
               sim->now_ns - program->checkpoint_at_ns >=
                   (int64_t)(sim->config.checkpoint_s * SIM_S)) {
        write_checkpoint(sim);
    } else {
        next_step(sim);
    }
}

static void loaded(struct sim *sim, const struct sim_event *event)
{
    if (is_current(sim, event))
        next_step(sim);
}

void program_rank_met(struct sim *sim, uint32_t attempt, uint32_t world)
{
    struct sim_program *program = &sim->program;

    if (attempt != program->attempt) {
        if (attempt < program->attempt) /* of a node that was given up and does not know it */
            return;
        program->attempt = attempt;
        program->epoch++;
        program->met = 0;
        program->stopping = program->saving = program->writing = program->broken = false;
    }
    if (++program->met < world || program->broken)
        return;
    program->step = sim->resume_step > 0 ? sim->resume_step : 0;
    program->checkpoint_at_ns = sim->now_ns;
    sim_at(sim, (int64_t)(sim->config.load_s * SIM_S), loaded, 0, program->epoch, 0, 0, NULL);
}

/* One is gone: the rest hangs, unless all were on their way out. */
void program_rank_ended(struct sim *sim, uint32_t attempt)
{
    struct sim_program *program = &sim->program;

    if (attempt != program->attempt || program->broken)
        return;
    program->broken = true;
    program->epoch++;
    if (program->writing)
        program->torn++;
    program->writing = false;
}

void program_asked(struct sim *sim, uint32_t attempt, uint32_t how)
{
    if (attempt != sim->program.attempt)
        return;
    sim->program.stopping |= how == 1;
    sim->program.saving |= how == 2;
}
