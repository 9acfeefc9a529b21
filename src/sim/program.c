/* sim/program - what the ranks of an attempt do: start, meet at the store, load, step, save, end.
 *
 * As real ones do, they go on only while all are there: when one dies the others hang. */
#include "sim/world.h"

#define STRAGGLER_ONE 64 /* one node in so many has a straggler when its ranks end */

static void step_done(struct sim *sim, const struct sim_event *event);

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

static void rank_ended(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    struct sim_rank *rank = &node->ranks[event->a];
    uint32_t attempt = rank->attempt;

    if (rank->life != event->epoch || !attempt)
        return;
    rank->attempt = 0;
    node->alive--;
    if (rank->client && node->proxy)
        proxy_client_gone(node->proxy, rank->client);
    rank->client = NULL;
    program_rank_ended(sim, attempt);
    if (!node->machine)
        return;
    ranks_exited(node->machine, (uint32_t)event->a, (int)event->b, false, STR("its last words"),
                 node_clock(sim, node), node_clock(sim, node));
    if (node->alive == 0 && node->machine)
        ranks_empty(node->machine, rng_below(&sim->rng, STRAGGLER_ONE) == 0, node_clock(sim, node));
}

void program_rank_dies(struct sim *sim, struct sim_rank *rank, int wait_status, int64_t in_ns)
{
    if (rank->attempt)
        sim_at(sim, in_ns,
               (struct sim_event){.act = rank_ended,
                                  .node = rank->node->index,
                                  .epoch = rank->life,
                                  .a = rank - rank->node->ranks,
                                  .b = wait_status});
}

static void all_exit(struct sim *sim, uint32_t attempt)
{
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        for (uint32_t r = 0; r < sim->nodes[i].rank_count; r++)
            if (sim->nodes[i].ranks[r].attempt == attempt)
                program_rank_dies(sim, &sim->nodes[i].ranks[r], 0,
                                  (int64_t)(rng_unit(&sim->rng) * 50 * SIM_MS));
}

static bool is_current(const struct sim *sim, const struct sim_event *event)
{
    return event->epoch == sim->program.epoch;
}

static void next_step(struct sim *sim)
{
    sim_at(sim, (int64_t)(sim->config.step_s * SIM_S),
           (struct sim_event){.act = step_done, .epoch = sim->program.epoch});
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
        all_exit(sim, program->attempt);
    else
        next_step(sim);
}

static void write_checkpoint(struct sim *sim)
{
    sim->program.writing = true;
    sim->program.saving = false;
    sim->program.checkpoint_at_ns = sim->now_ns;
    sim_at(sim, (int64_t)(sim->config.checkpoint_write_s * SIM_S),
           (struct sim_event){.act = checkpoint_done, .epoch = sim->program.epoch});
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
        all_exit(sim, program->attempt);
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

static void rank_met(struct sim *sim, uint32_t attempt, uint32_t world)
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
    sim_at(sim, (int64_t)(sim->config.load_s * SIM_S),
           (struct sim_event){.act = loaded, .epoch = program->epoch});
}

/* What the rank says to its node's store. */
static void say(struct sim *sim, struct sim_rank *rank, struct buf *bytes)
{
    struct proxy *proxy = rank->node->proxy;

    if (bytes->len) {
        proxy_set_now(proxy, sim->now_ns / SIM_MS);
        proxy_take(proxy, rank->client, (struct str){bytes->p, bytes->len});
        proxy_flush(proxy);
    }
    buf_done(bytes);
}

static void rank_meets(struct sim *sim, struct sim_rank *rank)
{
    struct buf bytes = {0};

    rank->client = proxy_client_new(rank->node->proxy, rank);
    if (!rank->client) {
        sim_break(sim, "the store of node %u takes no client", rank->node->index);
        return;
    }
    meeting_begin(&rank->meeting, rank->attempt, rank->node->world, &bytes);
    say(sim, rank, &bytes);
}

void program_rank_hears(struct sim *sim, struct sim_rank *rank, struct str answer)
{
    struct buf bytes = {0};
    struct err err = {0};

    if (meeting_hear(&rank->meeting, answer, &bytes, &err) < 0)
        sim_break(sim, "rank %u: %s", rank->node->first_rank + (uint32_t)(rank - rank->node->ranks),
                  err.text);
    else if (rank->meeting.stage == MEET_MET)
        rank_met(sim, rank->attempt, rank->node->world);
    say(sim, rank, &bytes);
}

static void rank_starts(struct sim *sim, const struct sim_event *event)
{
    struct sim_rank *rank = &sim->nodes[event->node].ranks[event->a];

    if (rank->life != event->epoch || !rank->attempt || !rank->node->proxy)
        return;
    if (sim->config.job->independent)
        program_rank_dies(sim, rank, 0,
                          (int64_t)(rng_unit(&sim->rng) * sim->config.work_s * SIM_S));
    else
        rank_meets(sim, rank);
}

void program_asked(struct sim *sim, uint32_t attempt, uint32_t how)
{
    if (attempt != sim->program.attempt)
        return;
    sim->program.stopping |= how == 1;
    sim->program.saving |= how == 2;
}

void program_rank_begins(struct sim *sim, struct sim_rank *rank, int64_t in_ns)
{
    sim_at(sim, in_ns,
           (struct sim_event){.act = rank_starts,
                              .node = rank->node->index,
                              .epoch = rank->life,
                              .a = rank - rank->node->ranks});
}
