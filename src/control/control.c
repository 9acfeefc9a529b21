/* Inputs: each brings the machine's memory up to date, then control_settle lets follow what
 * follows. */
#include "control/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STOP_EARLY_NS (30 * SECOND_NS) /* before a time limit, beside the grace */
#define BURST         4                /* PINGs soon after a connect */
#define TRIES_S       3                /* agents try to come back each 2 s at least */

static bool make_arrays(struct control *c)
{
    const struct job *job = c->config.job;
    uint32_t nodes = c->config.node_count;

    c->fold.nodes = calloc(nodes, sizeof(*c->fold.nodes));
    c->fold.slots = calloc((size_t)job->nodes, sizeof(*c->fold.slots));
    c->fold.assigned = calloc((size_t)job->nodes, sizeof(*c->fold.assigned));
    c->fold.rank_ends = calloc(c->world_max, sizeof(*c->fold.rank_ends));
    c->fold.deaths = calloc((size_t)c->world_max + nodes, sizeof(*c->fold.deaths));
    c->listed = calloc((size_t)job->nodes, sizeof(*c->listed));
    c->marks = calloc(nodes, sizeof(*c->marks));
    c->live = calloc(nodes, sizeof(*c->live));
    c->ranks = calloc(c->world_max, sizeof(*c->ranks));
    c->hosts = calloc((size_t)job->nodes, sizeof(*c->hosts));
    c->plan = calloc((size_t)job->nodes, sizeof(*c->plan));
    c->acks.nodes = calloc(nodes, sizeof(*c->acks.nodes));
    job_print_json(job, &c->job_json);
    return c->fold.nodes && c->fold.slots && c->fold.assigned && c->fold.rank_ends &&
           c->fold.deaths && c->listed && c->marks && c->live && c->ranks && c->hosts && c->plan &&
           c->acks.nodes && !c->job_json.failed;
}

/* The first nodes in rank order have the places, the others are spares. */
static bool make_layout(struct control *c)
{
    uint32_t nodes = c->config.node_count, *order = calloc(nodes, sizeof(*order));
    bool good = order && place_order(c->config.names, c->config.groups, nodes, order) == 0;

    for (uint32_t i = 0; i < nodes && good; i++) {
        c->fold.nodes[order[i]].slot = i < c->config.job->nodes ? (int32_t)i : -1;
        c->fold.nodes[order[i]].node_rank = -1;
        if (i < c->config.job->nodes)
            c->fold.slots[i] = order[i];
    }
    free(order);
    return good;
}

struct control *control_new(const struct control_config *config, const struct control_world *world)
{
    struct control *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->config = *config;
    c->world = *world;
    c->nproc = config->job->nproc > 0 ? (uint32_t)config->job->nproc : 1;
    c->world_max = (uint32_t)config->job->nodes * c->nproc;
    if (config->job->ranks > 0 && (uint64_t)config->job->ranks < c->world_max)
        c->world_max = (uint32_t)config->job->ranks;
    c->fold.best_step = c->fold.resume_step = c->fold.last_first = c->fold.step = -1;
    c->fold.saved_step = c->fold.exit_code = -1;
    c->wake_ns = c->kv_ns = INT64_MAX;
    if (make_arrays(c) && make_layout(c)) {
        steps_reset(c);
        return c;
    }
    control_free(c);
    return NULL;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->world_max && c->ranks; i++)
        free(c->ranks[i].wait);
    kv_free(c->kv);
    free(c->fold.nodes);
    free(c->fold.slots);
    free(c->fold.assigned);
    free(c->fold.rank_ends);
    free(c->fold.deaths);
    free(c->listed);
    free(c->marks);
    free(c->live);
    free(c->ranks);
    free(c->hosts);
    free(c->plan);
    free(c->acks.nodes);
    buf_done(&c->job_json);
    free(c);
}

static void take_time(struct control *c, int64_t now_ns)
{
    /* When this process itself stood still, its nodes were not silent. */
    if (now_ns - c->last_call_ns > (int64_t)(c->config.job->node_timeout_s * 1e9) / 2)
        for (uint32_t i = 0; i < c->config.node_count; i++)
            c->live[i].seen_ns = now_ns;
    c->now_ns = c->last_call_ns = now_ns;
}

static void say_created(struct control *c)
{
    struct run_event event = event_of(EV_RUN_CREATED);
    struct buf command = {0};

    for (size_t i = 0; i < c->config.job->command.count; i++)
        buf_printf(&command, "%s%s", i ? " " : "", c->config.job->command.items[i]);
    event.a = c->config.job->nodes;
    event.b = c->world_max;
    event.text = (struct str){command.p, command.len};
    control_emit(c, event);
    buf_done(&command);
}

/* Nodes that lived when the last controller died come by themselves: after a silence that they have
 * noticed, at their next try. Who does not is lost, as with a controller that lived. */
static void await_nodes(struct control *c)
{
    const struct job *job = c->config.job;
    double wait_s = 2 * job->node_timeout_s + TRIES_S;

    for (uint32_t i = 0; i < c->config.node_count; i++) {
        struct node_fact *fact = &c->fold.nodes[i];
        struct node_live *live = &c->live[i];

        live->seen_ns = c->now_ns;
        if (fact->incarnation && !fact->lost)
            live->return_ns = c->now_ns + (int64_t)(wait_s * 1e9);
        else if (fact->starting)
            live->relaunch_ns = c->now_ns + (int64_t)(job->node_timeout_s * 1e9);
    }
}

static void ask_stop(struct control *c, enum stop_how how, enum run_cause cause, const char *why)
{
    struct run_event event = event_of(EV_STOP_ASKED);

    event.a = how;
    event.b = cause;
    event.text = str_of(why);
    control_emit(c, event);
}

static void keep_time_limit(struct control *c)
{
    int64_t wall_ns = c->now_ns + c->wall_minus_mono_ns;

    if (!c->limit_wall_ns || c->fold.stop_cause || c->fold.state >= RUN_LEAVING)
        return;
    if (wall_ns >= c->limit_wall_ns)
        ask_stop(c, STOP_POLITE, CAUSE_TIME_LIMIT, "the time limit is near");
    else
        control_wake(c, c->limit_wall_ns - c->wall_minus_mono_ns);
}

static void set_time_limit(struct control *c)
{
    int64_t early = (int64_t)(c->config.job->stop_grace_s * 1e9) + STOP_EARLY_NS;
    int64_t whole = c->ends_wall_ns - c->fold.created_at;

    if (!c->begun || !c->ends_wall_ns)
        return;
    if (early > whole / 2)
        early = whole / 2; /* a short run is not over before it began */
    c->limit_wall_ns = c->ends_wall_ns - early;
    keep_time_limit(c);
}

void control_begin(struct control *c, int64_t now_ns, int64_t wall_ns)
{
    struct run_event event = event_of(EV_CONTROLLER_STARTED);
    const struct job *job = c->config.job;
    int code = c->fold.exit_code;

    c->wall_minus_mono_ns = wall_ns - now_ns;
    c->now_ns = c->last_call_ns = c->entered_ns = now_ns;
    c->begun = true;
    c->mark_ns = c->fold.seq ? 0 : now_ns;
    if (!c->fold.seq)
        say_created(c);
    event.a = (int64_t)c->config.generation;
    event.b = c->config.pid;
    control_emit(c, event);
    if (code > 0)
        control_say(c, EV_NOTE, -1, "the run had ended with exit code %d and is begun anew", code);
    await_nodes(c);
    if (job->time_limit_s > 0)
        control_time_limit(c, c->fold.created_at + (int64_t)(job->time_limit_s * 1e9));
    set_time_limit(c);
    control_settle(c);
}

static int refuse(const struct control *c, const struct msg_hello *hello, struct err *err)
{
    const struct node_fact *fact;

    if (hello->node >= c->config.node_count)
        return err_set(err, -EPROTO, "an agent says it is node %u; this run has %u", hello->node,
                       c->config.node_count);
    fact = &c->fold.nodes[hello->node];
    if (!str_is(hello->version, FIRSTLIGHT_VERSION))
        return err_set(err, -EPROTO, "the agent on %s is firstlight %.*s, this is %s",
                       c->config.names[hello->node], STR_ARG(hello->version), FIRSTLIGHT_VERSION);
    if (hello->generation > c->config.generation)
        return err_set(err, -EPROTO, "%s obeys a newer controller: generation %llu, this is %llu",
                       c->config.names[hello->node], (unsigned long long)hello->generation,
                       (unsigned long long)c->config.generation);
    if (hello->incarnation == fact->previous && hello->incarnation != fact->incarnation)
        return err_set(err, -EPROTO, "an older agent of %s, which another has replaced",
                       c->config.names[hello->node]);
    return c->over ? err_set(err, -EPROTO, "the run is over") : 0;
}

/* What lived there for the attempt at hand is no more, though an agent is. */
static void say_ranks_lost(struct control *c, uint32_t node, const char *why)
{
    struct run_event event = event_of(EV_NODE_LOST);

    event.node = node;
    event.at_ns = (c->live[node].seen_ns + c->now_ns) / 2 + c->wall_minus_mono_ns;
    event.uncertain_ns = (c->now_ns - c->live[node].seen_ns) / 2;
    event.text = str_of(why);
    control_emit(c, event);
}

/* Does HELLO agree with what we know of the attempt there? */
static void compare_attempt(struct control *c, const struct msg_hello *hello)
{
    const struct fold *fold = &c->fold;
    const struct node_fact *fact = &fold->nodes[hello->node];
    bool same = fact->incarnation == hello->incarnation;

    if (fact->node_rank < 0 || fact->empty || fold->state < RUN_SPAWNING ||
        fold->state > RUN_STOPPING || !fact->incarnation)
        return;
    if (!same) {
        say_ranks_lost(c, hello->node, "a new agent came up: the ranks of the old one are gone");
    } else if (hello->attempt != fold->attempt && fact->started) {
        say_ranks_lost(c, hello->node, "its agent knows nothing of its ranks");
    }
}

static void welcome(struct control *c, uint32_t node)
{
    const struct job *job = c->config.job;
    struct message message = {.id = MSG_WELCOME,
                              .welcome = {
                                  .generation = c->config.generation,
                                  .node = node,
                                  .node_name = str_of(c->config.names[node]),
                                  .run = str_of(c->config.run),
                                  .heartbeat_ms = (uint32_t)(job->node_timeout_s * 1000 / 3),
                                  .hold_ms = (uint32_t)(job->hold_s * 1000),
                                  .log_bytes_max = (uint64_t)job->log_bytes,
                              }};

    c->world.send(c->world.data, node, &message);
}

static void take_hello(struct control *c, const struct msg_hello *hello)
{
    const struct node_fact *fact = &c->fold.nodes[hello->node];
    struct node_live *live = &c->live[hello->node];
    bool same = fact->incarnation == hello->incarnation;

    if (!same) {
        live->clock = (struct clock_estimate){0};
        live->clock_told = false;
    }
    if (!same || live->seen_event + 1 < hello->events_from)
        live->seen_event = hello->events_from ? hello->events_from - 1 : 0;
    live->seen_ns = live->ping_ns = c->now_ns;
    live->burst = BURST;
    live->return_ns = live->launched_ns = 0;
    live->gone = live->garbage = false;
    live->attempt = hello->attempt;
    live->hello = true;
    live->why[0] = '\0';
    str_keep(live->addr, ADDR_BYTES, hello->data_addr);
    live->port_count = hello->ports.count < PORTS_MAX ? hello->ports.count : PORTS_MAX;
    for (uint32_t i = 0; i < live->port_count; i++)
        live->ports[i] = (uint16_t)hello->ports.items[i];
    node_count(c, hello->node, true, hello->empty || !hello->attempt);
}

bool control_agent_up(struct control *c, const struct msg_hello *hello, const char *peer,
                      int64_t now_ns, struct err *err)
{
    struct run_event event = event_of(EV_NODE_UP);
    const struct node_fact *fact;

    take_time(c, now_ns);
    if (refuse(c, hello, err) < 0) {
        if (peer)
            (void)err_wrap(err, -EPROTO, "%s", peer);
        return false;
    }
    fact = &c->fold.nodes[hello->node];
    compare_attempt(c, hello);
    take_hello(c, hello);
    event.node = hello->node;
    event.a = (int64_t)hello->incarnation;
    event.b = hello->cpus;
    event.c = hello->gpus;
    event.text = hello->host;
    if (!fact->up || fact->incarnation != hello->incarnation)
        control_emit(c, event);
    welcome(c, hello->node);
    node_ping(c, hello->node); /* before START, whose work would keep the answer waiting */
    meeting_node_up(c, hello->node);
    act_on_node(c, hello->node);
    if (c->live[hello->node].ping_ns < c->scan_ns)
        c->scan_ns = c->live[hello->node].ping_ns;
    control_wake(c, c->scan_ns);
    control_settle(c);
    return true;
}

void control_agent_down(struct control *c, uint32_t node, const char *why, int64_t now_ns)
{
    struct node_live *live = &c->live[node];

    take_time(c, now_ns);
    if (!live->linked || c->over)
        return;
    node_link_lost(c, node);
    str_keep(live->why, WHY_BYTES, str_of(why));
    if (c->fold.state < RUN_LEAVING) {
        control_say(c, EV_NODE_DOWN, node, "%s", why);
        live->return_ns = now_ns + (int64_t)(c->config.job->node_timeout_s * 1e9);
        c->scan_ns = now_ns;
        if (live->gone)
            node_lost(c, node, why);
    }
    control_settle(c);
}

void control_agent_failed(struct control *c, uint32_t node, const char *sentence, int64_t now_ns)
{
    struct node_live *live = &c->live[node];

    take_time(c, now_ns);
    if (c->over)
        return;
    if (c->fold.state >= RUN_LEAVING)
        live->return_ns = 0; /* it has left; a link that it has still closes by itself */
    else if (live->linked)
        live->gone = true; /* its link will say so too, or stays: then it was the starter */
    else if (live->return_ns)
        node_lost(c, node, sentence);
    else
        node_failed_to_start(c, node, sentence);
    control_settle(c);
}

void control_message(struct control *c, uint32_t node, const struct message *message,
                     int64_t now_ns)
{
    take_time(c, now_ns);
    if (node >= c->config.node_count || !c->live[node].linked || c->over)
        return;
    c->live[node].seen_ns = now_ns;
    switch (message->id) {
    case MSG_EVENT:
        agent_event_take(c, node, &message->event);
        break;
    case MSG_PONG:
        node_pong(c, node, &message->pong);
        break;
    case MSG_STATUS:
        steps_status(c, node, &message->status);
        break;
    case MSG_STORE_UP:
        meeting_take(c, node, &message->store);
        break;
    case MSG_CHECKPOINT:
        gather_checkpoint(c, &message->checkpoint);
        break;
    case MSG_LOG:
        c->world.output(c->world.data, node, &message->log);
        return;
    case MSG_LOG_DATA:
        c->world.log_data(c->world.data, node, &message->log_data);
        return;
    default:
        return; /* not for a controller */
    }
    control_settle(c);
}

void control_tick(struct control *c, int64_t now_ns)
{
    take_time(c, now_ns);
    c->wake_ns = INT64_MAX;
    if (c->over)
        return;
    keep_time_limit(c);
    nodes_scan(c);
    watch_tick(c);
    nodes_acknowledge(c);
    meeting_tick(c);
    control_settle(c);
}

int control_store_set(struct control *c, struct str key, struct str value, int64_t now_ns)
{
    take_time(c, now_ns);
    return meeting_set(c, key, value);
}

int control_store_delete(struct control *c, struct str key, int64_t now_ns)
{
    take_time(c, now_ns);
    return meeting_delete(c, key);
}

void control_wish(struct control *c, enum control_wish wish, const char *why, int64_t now_ns)
{
    take_time(c, now_ns);
    if (c->over)
        return;
    if (wish == WISH_SAVE) {
        ask_stop(c, STOP_SAVE, CAUSE_NONE, why);
        act_save(c, why);
    } else if (wish == WISH_KILL && c->fold.stop_how != STOP_KILL) {
        ask_stop(c, STOP_KILL, CAUSE_KILLED, why);
    } else if (wish == WISH_STOP && !c->fold.stop_cause) {
        ask_stop(c, STOP_POLITE, CAUSE_STOPPED, why);
    }
    control_settle(c);
}

void control_time_limit(struct control *c, int64_t ends_at_wall_ns)
{
    if (!c->ends_wall_ns || ends_at_wall_ns < c->ends_wall_ns)
        c->ends_wall_ns = ends_at_wall_ns; /* the nearest end counts */
    set_time_limit(c);
    control_settle(c);
}
