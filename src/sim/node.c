/* sim/node - an agent's world: its machine, its ranks' processes, its store's half. */
#include "sim/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNAL_MS   2  /* from a signal to the process's end */
#define SPAWN_MS    5  /* of all ranks of a node */
#define AGENT_MS    50 /* from the back end's start to the agent's first try to connect */
#define FIND_MS     20 /* a look at the checkpoints */
#define NO_ANSWER_S 5  /* until the back end says that a host does not answer */

struct copied {
    size_t len;
    char bytes[];
};

static struct sim *sim_of(struct sim_node *node)
{
    return node->sim;
}

static void send_up(struct sim_node *node, const struct message *message)
{
    struct buf bytes = {0};

    message_encode(message, &bytes);
    network_send(sim_of(node), node->index, SIM_UP, (struct str){bytes.p, bytes.len});
}

/* Processes. */

static void spawned(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->machine || !node->alive)
        return;
    ranks_started(node->machine, node_clock(sim, node));
}

static void spawn_failed(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->machine)
        return;
    ranks_spawn_failed(node->machine, EAGAIN, "fork: no processes left", node_clock(sim, node));
}

static void on_spawn(void *data, const struct msg_start *start)
{
    struct sim_node *node = data;
    struct sim *sim = sim_of(node);
    int64_t spawn_ns = SPAWN_MS * SIM_MS;

    check_start(sim, node->index, start);
    if (rng_unit(&sim->rng) < sim->config.spawn_failures) {
        sim_at(sim, spawn_ns,
               (struct sim_event){
                   .act = spawn_failed, .node = node->index, .epoch = node->agent_epoch});
        return;
    }
    node->spawned_attempt = start->attempt;
    node->rank_count = start->nproc;
    node->first_rank = start->first_rank;
    node->world = start->world;
    if (node->alive)
        sim_break(sim, "node %u spawns attempt %u while %u ranks of an older one live", node->index,
                  start->attempt, node->alive);
    for (uint32_t i = 0; i < start->nproc && !sim->broken; i++) {
        struct sim_rank *rank = &node->ranks[i];

        check_spawn(sim, start->attempt, start->first_rank + i, start->world);
        *rank =
            (struct sim_rank){.node = node,
                              .attempt = start->attempt,
                              .life = rank->life + 1,
                              .ignores_sigterm = rng_unit(&sim->rng) < sim->config.ignores_sigterm};
        node->alive++;
        program_rank_begins(sim, rank, spawn_ns + (int64_t)(sim->config.start_s * SIM_S));
    }
    sim_at(sim, spawn_ns,
           (struct sim_event){.act = spawned, .node = node->index, .epoch = node->agent_epoch});
}

static void signal_rank(struct sim_node *node, struct sim_rank *rank, int signo)
{
    if (signo == 0 || (signo == SIGTERM && rank->ignores_sigterm))
        return;
    program_rank_dies(sim_of(node), rank, signo, SIGNAL_MS * SIM_MS);
}

static void on_signal(void *data, uint32_t local_rank, int signo)
{
    struct sim_node *node = data;

    check_obeys(sim_of(node), node->index);
    check_signal(sim_of(node), node->index);
    signal_rank(node, &node->ranks[local_rank], signo);
}

static void on_signal_group(void *data, int signo)
{
    struct sim_node *node = data;

    check_obeys(sim_of(node), node->index);
    check_signal(sim_of(node), node->index);
    for (uint32_t i = 0; i < node->rank_count; i++)
        signal_rank(node, &node->ranks[i], signo);
}

static void on_ask_stop(void *data, uint32_t how)
{
    struct sim_node *node = data;

    check_obeys(sim_of(node), node->index);
    for (uint32_t i = 0; i < node->rank_count; i++)
        if (node->ranks[i].attempt) {
            program_asked(sim_of(node), node->ranks[i].attempt, how);
            return;
        }
}

/* The store. */

static void on_up(void *data, struct str bytes)
{
    struct sim_node *node = data;
    struct message message = {.id = MSG_STORE_UP,
                              .store = {.attempt = node->proxy_attempt, .bytes = bytes}};

    if (node->machine && ranks_welcomed(node->machine))
        send_up(node, &message);
}

static void replied(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    struct sim_rank *rank = &node->ranks[event->a];
    const struct copied *copied = event->data;

    if (rank->life == event->epoch && rank->attempt && node->proxy)
        program_rank_hears(sim, rank, (struct str){copied->bytes, copied->len});
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    struct sim_node *node = data;
    struct sim_rank *rank = client_data;
    struct copied *copied = malloc(sizeof(*copied) + bytes.len);

    if (!copied)
        return;
    copied->len = bytes.len;
    memcpy(copied->bytes, bytes.p, bytes.len);
    sim_at(sim_of(node), 0,
           (struct sim_event){.act = replied,
                              .node = node->index,
                              .epoch = rank->life,
                              .a = rank - node->ranks,
                              .data = copied});
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    struct sim_node *node = data;

    (void)client_data;
    sim_break(sim_of(node), "the store of node %u hangs up: %s", node->index, why);
}

static void on_store_close(void *data)
{
    struct sim_node *node = data;

    for (uint32_t i = 0; i < node->rank_count; i++)
        node->ranks[i].client = NULL;
    proxy_free(node->proxy);
    node->proxy = NULL;
}

static void on_store_open(void *data, const struct msg_start *start)
{
    struct sim_node *node = data;
    const struct proxy_limits limits = {start->world, start->first_rank, start->nproc};
    const struct proxy_out out = {node, on_reply, on_hang_up, on_up};

    on_store_close(node);
    node->proxy_attempt = start->attempt;
    node->proxy = proxy_new(node->incarnation, &limits, &out);
}

static void on_store_answer(void *data, struct str bytes)
{
    struct sim_node *node = data;
    struct err err = {0};

    if (node->proxy_attempt != ranks_attempt(node->machine))
        sim_break(sim_of(node), "node %u: an answer for attempt %u reaches the store of %u",
                  node->index, ranks_attempt(node->machine), node->proxy_attempt);
    else if (node->proxy && proxy_answer(node->proxy, bytes, &err) < 0)
        sim_break(sim_of(node), "node %u: %s", node->index, err.text);
}

static void on_store_link_up(void *data)
{
    struct sim_node *node = data;

    if (node->proxy)
        proxy_link_up(node->proxy);
}

/* The rest of the world. */

static void found(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    struct sim_program *program = &sim->program;
    struct str torn = STR("/ckpt/step_9 -> /ckpt/quarantine/step_9 (torn)");
    struct message message = {.id = MSG_CHECKPOINT,
                              .checkpoint = {.attempt = (uint32_t)event->a, .step = -1}};
    char path[64];

    if (event->epoch != node->agent_epoch || !node->machine || !ranks_welcomed(node->machine))
        return;
    if (rng_unit(&sim->rng) < sim->config.find_failures) {
        message.checkpoint.complaint = STR("/ckpt: input/output error");
    } else if (program->checkpoint_step > 0) {
        (void)snprintf(path, sizeof(path), "/ckpt/step_%lld", (long long)program->checkpoint_step);
        message.checkpoint.path = str_of(path);
        message.checkpoint.step = program->checkpoint_step;
    }
    message.checkpoint.quarantined = (struct text_list){&torn, program->torn > program->torn_told};
    program->torn_told = program->torn;
    send_up(node, &message);
}

static void on_find(void *data, const struct msg_find_checkpoint *ask)
{
    struct sim_node *node = data;

    sim_at(sim_of(node), FIND_MS * SIM_MS,
           (struct sim_event){
               .act = found, .node = node->index, .epoch = node->agent_epoch, .a = ask->attempt});
}

static void on_log_read(void *data, const struct msg_log_read *ask)
{
    (void)data;
    (void)ask;
}

static void on_log_credit(void *data, uint64_t bytes)
{
    (void)data;
    (void)bytes;
}

/* A repeated event is on the list already. */
static void remember_exit(struct sim_node *node, const struct msg_event *event)
{
    struct sim_exit *row;

    for (size_t i = 0; i < node->exits.count; i++)
        if (node->exits.items[i].number == event->number)
            return;
    row = vec_push(&node->exits);
    if (row)
        *row = (struct sim_exit){event->number, event->attempt, event->rank};
}

static void on_send(void *data, const struct message *message)
{
    const struct sim_node *node = data;

    if (node->sim->config.checks && message->id == MSG_EVENT &&
        message->event.kind == AGENT_RANK_EXITED)
        remember_exit(data, &message->event);
    send_up(data, message);
}

static void on_cut(void *data, const char *why)
{
    struct sim_node *node = data;

    (void)why;
    network_leave(sim_of(node), node->index);
}

static void tick(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->machine || event->at_ns < node->wake_ns)
        return;
    node->wake_ns = INT64_MAX;
    ranks_tick(node->machine, node_clock(sim, node));
}

static void on_wake(void *data, int64_t at_ns)
{
    struct sim_node *node = data;
    struct sim *sim = sim_of(node);
    int64_t at = at_ns - node->clock_ns;

    if (at >= node->wake_ns)
        return;
    node->wake_ns = at > sim->now_ns ? at : sim->now_ns;
    sim_at(sim, node->wake_ns - sim->now_ns,
           (struct sim_event){.act = tick, .node = node->index, .epoch = node->agent_epoch});
}

/* The agent's end: its machine and its store go, its ranks die with it (the warden). */
static void end_agent(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->agent_up)
        return;
    node_kill_agent(sim, event->node);
}

static void on_leave(void *data, const char *why)
{
    struct sim_node *node = data;

    (void)why;
    check_obeys(sim_of(node), node->index);
    if (node->alive)
        sim_break(sim_of(node), "the agent of node %u leaves while %u ranks live", node->index,
                  node->alive);
    sim_at(sim_of(node), 0,
           (struct sim_event){.act = end_agent, .node = node->index, .epoch = node->agent_epoch});
}

static void start_agent(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    const struct ranks_world world = {
        .data = node,
        .spawn = on_spawn,
        .signal = on_signal,
        .signal_group = on_signal_group,
        .ask_stop = on_ask_stop,
        .store_open = on_store_open,
        .store_close = on_store_close,
        .store_answer = on_store_answer,
        .store_link_up = on_store_link_up,
        .find_checkpoint = on_find,
        .log_read = on_log_read,
        .log_credit = on_log_credit,
        .send = on_send,
        .cut = on_cut,
        .wake = on_wake,
        .leave = on_leave,
    };
    const struct ranks_self self = {
        .node = node->index,
        .incarnation = rng_next(&sim->rng) | 1,
        .host = sim->names[node->index],
        .boot_id = "boot",
        .pid = 1000,
        .cpus = 8,
    };

    if (event->epoch != node->agent_epoch || node->agent_up)
        return;
    node->incarnation = self.incarnation;
    node->wake_ns = INT64_MAX;
    node->machine = ranks_machine_new(&self, &world);
    if (!node->machine) {
        sim_break(sim, "no memory for an agent");
        return;
    }
    node->agent_up = true;
    network_connect(sim, node->index);
}

static void no_answer(struct sim *sim, const struct sim_event *event)
{
    if (sim->control && event->epoch == sim->controller_epoch)
        control_agent_failed(sim->control, event->node, "no answer", sim->now_ns);
}

void node_launch(struct sim *sim, uint32_t index)
{
    struct sim_node *node = &sim->nodes[index];

    if (node->agent_up) /* a back end ends the old one first */
        node_kill_agent(sim, index);
    if (sim->now_ns < node->back_ns) {
        sim_at(sim, NO_ANSWER_S * SIM_S,
               (struct sim_event){.act = no_answer, .node = index, .epoch = sim->controller_epoch});
        return;
    }
    node->host_up = true;
    sim_at(sim, AGENT_MS * SIM_MS,
           (struct sim_event){.act = start_agent, .node = index, .epoch = node->agent_epoch});
}

static void all_ranks_die(struct sim *sim, struct sim_node *node)
{
    for (uint32_t i = 0; i < node->rank_count; i++) {
        struct sim_rank *rank = &node->ranks[i];

        if (!rank->attempt)
            continue;
        program_rank_ended(sim, rank->attempt);
        rank->attempt = 0;
        rank->client = NULL;
        rank->life++;
    }
    node->alive = 0;
}

void node_kill_agent(struct sim *sim, uint32_t index)
{
    struct sim_node *node = &sim->nodes[index];

    if (!node->agent_up)
        return;
    network_cut(sim, index, !node->host_up);
    node->attached = false;
    node->generation = 0;
    all_ranks_die(sim, node);
    on_store_close(node);
    ranks_machine_free(node->machine);
    node->machine = NULL;
    node->agent_up = false;
    node->agent_epoch++;
    node->exits.count = 0;
}

static void end_by_force(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch == node->agent_epoch && sim->now_ns >= node->partitioned_ns)
        node_kill_agent(sim, event->node);
}

void node_end(struct sim *sim, uint32_t index)
{
    sim_at(sim, AGENT_MS * SIM_MS,
           (struct sim_event){
               .act = end_by_force, .node = index, .epoch = sim->nodes[index].agent_epoch});
}

static void noticed(struct sim *sim, const struct sim_event *event)
{
    if (!sim->control || event->epoch != sim->controller_epoch ||
        sim->nodes[event->node].agent_epoch != (uint32_t)event->a)
        return;
    control_agent_down(sim->control, event->node, "no answer", sim->now_ns);
    control_agent_failed(sim->control, event->node, "the host does not answer", sim->now_ns);
}

void node_lose(struct sim *sim, uint32_t index, int64_t back_ns)
{
    struct sim_node *node = &sim->nodes[index];

    node->host_up = false;
    node->back_ns = back_ns;
    node_kill_agent(sim, index);
    sim->result.nodes_lost++;
    if (sim->config.silence_s > 0)
        sim_at(sim, (int64_t)(sim->config.silence_s * SIM_S),
               (struct sim_event){.act = noticed,
                                  .node = index,
                                  .epoch = sim->controller_epoch,
                                  .a = node->agent_epoch});
}

void node_done(struct sim *sim, uint32_t index)
{
    struct sim_node *node = &sim->nodes[index];

    on_store_close(node);
    ranks_machine_free(node->machine);
}
