/* What a state asks for. All of it may be done twice: START and STOP of an attempt mean the same
 * the second time. */
#include "control/state.h"

#define HOSTS_MAX 1024 /* names in START: O(nodes^2) bytes otherwise */

/* Where rank 0 is to host the store; 0: the agents serve it. */
static uint32_t master_port(const struct control *c)
{
    const struct node_live *first = &c->live[c->fold.assigned[0]];

    return c->config.job->store == JOB_STORE_RANK0 && first->port_count
               ? first->ports[c->fold.attempt % first->port_count]
               : 0;
}

static void send_start(struct control *c, uint32_t node)
{
    const struct fold *fold = &c->fold;
    struct node_live *live = &c->live[node];
    struct message message = {.id = MSG_START};
    struct msg_start *start = &message.start;

    if (!live->linked || !live->clean || live->attempt == fold->attempt ||
        fold->nodes[node].settled)
        return;
    if (!c->live[fold->assigned[0]].hello && !fold->nodes[fold->assigned[0]].empty)
        return; /* the first node's address is told to all */
    start->attempt = fold->attempt;
    start->node_rank = (uint32_t)fold->nodes[node].node_rank;
    start->nnodes = fold->nnodes;
    start->nproc = fold_ranks_of(c, node, &start->first_rank);
    start->world = fold->world;
    start->job = (struct str){c->job_json.p, c->job_json.len};
    start->run = str_of(c->config.run);
    start->resume = str_of(fold->resume);
    start->resume_step = fold->resume_step;
    start->master_addr = str_of(c->live[fold->assigned[0]].addr);
    start->master_port = master_port(c);
    if (fold->nnodes <= HOSTS_MAX)
        start->hosts = (struct text_list){c->hosts, fold->nnodes};
    live->attempt = fold->attempt;
    node_count(c, node, true, false);
    c->world.send(c->world.data, node, &message);
}

static void send_stop(struct control *c, uint32_t node, uint32_t attempt, enum stop_how how,
                      const char *why)
{
    const struct job *job = c->config.job;
    double grace_s = how == STOP_POLITE ? job->stop_grace_s
                     : how == STOP_KILL ? 0
                                        : job->abort_grace_s;
    const struct message message = {.id = MSG_STOP,
                                    .stop = {.attempt = attempt,
                                             .how = how,
                                             .grace_ms = (uint32_t)(grace_s * 1000),
                                             .why = str_of(why)}};

    if (c->live[node].linked)
        c->world.send(c->world.data, node, &message);
}

/* The node's part in the end of this attempt. It is told even when its HELLO knows nothing of it:
 * the START may still be on its way, before this. */
static void stop_node(struct control *c, uint32_t node)
{
    const struct fold *fold = &c->fold;
    enum stop_how how = fold->stop_how == STOP_KILL   ? STOP_KILL
                        : fold->state == RUN_STOPPING ? STOP_POLITE
                                                      : STOP_ABORT;

    if (fold->nodes[node].node_rank < 0 || fold->nodes[node].empty || !c->live[node].linked)
        return;
    c->live[node].attempt = fold->attempt;
    send_stop(c, node, fold->attempt, how,
              how == STOP_ABORT ? "the attempt failed" : fold->end_text);
}

static void each_node(struct control *c, void (*act)(struct control *, uint32_t))
{
    for (uint32_t i = 0; i < c->fold.nnodes; i++)
        act(c, c->fold.assigned[i]);
}

static void enter_spawning(struct control *c)
{
    meeting_open(c);
    steps_reset(c);
    c->known_ns = 0;
    for (uint32_t i = 0; i < c->fold.nnodes; i++)
        c->hosts[i] = str_of(c->config.names[c->fold.assigned[i]]);
    each_node(c, send_start);
}

static void enter_running(struct control *c)
{
    meeting_open(c); /* a controller that was started again may have had no journal to read */
    c->save_ns = c->now_ns;
    c->step_ns = c->now_ns;
}

static void enter_aborting(struct control *c)
{
    c->known_ns = c->mark_ns = c->now_ns;
    each_node(c, stop_node);
    control_phase(c, PHASE_ABORT);
}

static void enter_stopping(struct control *c)
{
    each_node(c, stop_node);
}

static void send_leave(struct control *c, uint32_t node)
{
    const struct message message = {.id = MSG_LEAVE, .leave = {.why = STR("the run is over")}};

    c->world.send(c->world.data, node, &message);
}

static void enter_leaving(struct control *c)
{
    meeting_close(c);
    gather_drop_plan(c);
    for (uint32_t i = 0; i < c->config.node_count; i++)
        if (c->live[i].linked)
            send_leave(c, i);
        else if (c->live[i].launched_ns)
            c->world.forget(c->world.data, i);
}

void act_leave_bound(struct control *c)
{
    for (uint32_t i = 0; i < c->config.node_count; i++)
        if (c->live[i].linked)
            c->world.forget(c->world.data, i);
}

static void enter_ended(struct control *c)
{
    c->over = true;
    c->world.ended(c->world.data, c->fold.exit_code);
}

void act_on_state(struct control *c)
{
    static void (*const table[])(struct control *) = {
        [RUN_GATHERING] = gather_begin,  [RUN_SPAWNING] = enter_spawning,
        [RUN_RUNNING] = enter_running,   [RUN_ABORTING] = enter_aborting,
        [RUN_STOPPING] = enter_stopping, [RUN_LEAVING] = enter_leaving,
        [RUN_ENDED] = enter_ended,
    };

    if (table[c->fold.state])
        table[c->fold.state](c);
    c->seen_how = c->fold.stop_how;
}

/* The user went from asking to force. */
void act_on_force(struct control *c)
{
    if (c->seen_how == c->fold.stop_how || c->fold.state < RUN_ABORTING)
        return;
    c->seen_how = c->fold.stop_how;
    c->entered_ns = c->now_ns;
    if (c->fold.state <= RUN_STOPPING)
        each_node(c, stop_node);
}

/* The first node's address is known now, or nobody is there any more to have one. */
void act_on_first(struct control *c, uint32_t node)
{
    if (c->fold.state == RUN_SPAWNING && node == c->fold.assigned[0])
        each_node(c, send_start);
}

void act_on_node(struct control *c, uint32_t node)
{
    const struct fold *fold = &c->fold;
    const struct node_live *live = &c->live[node];
    bool lives = fold->state >= RUN_SPAWNING && fold->state <= RUN_STOPPING;
    bool ours = lives && fold->nodes[node].node_rank >= 0 && !fold->nodes[node].empty;

    if (fold->state == RUN_LEAVING) {
        send_leave(c, node);
        return;
    }
    if (!live->clean && !(ours && live->attempt == fold->attempt))
        send_stop(c, node, live->attempt, STOP_KILL, "it is left from an older attempt");
    act_on_first(c, node);
    if (!ours)
        return;
    if (fold->state == RUN_SPAWNING)
        send_start(c, node);
    else if (fold->state >= RUN_ABORTING)
        stop_node(c, node);
}

void act_save(struct control *c, const char *why)
{
    if (c->fold.state != RUN_RUNNING)
        return;
    c->save_ns = c->now_ns;
    for (uint32_t i = 0; i < c->fold.nnodes; i++)
        send_stop(c, c->fold.assigned[i], c->fold.attempt, STOP_SAVE, why);
}
