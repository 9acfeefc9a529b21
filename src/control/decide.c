/* What follows from the state: one function a state. Each looks, and makes at most a few events;
 * control_settle asks again until nothing follows any more. */
#include "control/state.h"

#define DRAIN_EXTRA_S 10 /* after SIGKILL: a process may sit in the kernel for a while */
#define DRAIN_STRETCH 10 /* agents extend a polite grace so far while a checkpoint grows */
#define LEAVE_NS      (10 * SECOND_NS)

static void end_attempt(struct control *c, int64_t how)
{
    struct run_event event = event_of(EV_ATTEMPT_ENDED);

    steps_tell_best(c);
    event.a = how;
    control_emit(c, event);
}

static bool all_left_well(const struct fold *fold)
{
    return fold->ranks_well == fold->world;
}

/* Nodes that are not empty in time are given up, and with them what may live there. */
static void drain(struct control *c, double bound_s)
{
    int64_t until_ns = c->entered_ns + (int64_t)(bound_s * 1e9);

    if (c->now_ns < until_ns) {
        control_wake(c, until_ns);
        return;
    }
    for (uint32_t i = 0; i < c->fold.nnodes; i++)
        if (!c->fold.nodes[c->fold.assigned[i]].empty)
            node_lost(c, c->fold.assigned[i], "it did not say in time that its ranks are gone");
}

static void spawning(struct control *c)
{
    if (c->fold.nodes_settled < c->fold.nnodes)
        return;
    control_phase(c, PHASE_SPAWN);
    control_emit(c, event_of(EV_ATTEMPT_RUNNING));
}

/* Nobody is left who could do anything: what is not empty yet has its time for that. */
static void running(struct control *c)
{
    int64_t bound_ns = (int64_t)(c->config.job->abort_grace_s * 1e9) + DRAIN_EXTRA_S * SECOND_NS;
    bool well = all_left_well(&c->fold);

    if (!well && !(c->config.job->independent && c->fold.ranks_ended == c->fold.world))
        return;
    if (!c->known_ns)
        c->known_ns = c->now_ns; /* that it is over */
    if (c->fold.nodes_empty < c->fold.nnodes && c->now_ns - c->known_ns < bound_ns) {
        control_wake(c, c->known_ns + bound_ns);
        return;
    }
    if (!well && !c->fold.failed)
        verdict_failed(c);
    end_attempt(c, well ? 0 : 1);
}

static void aborting(struct control *c)
{
    if (c->fold.nodes_empty < c->fold.nnodes) {
        drain(c, c->config.job->abort_grace_s + DRAIN_EXTRA_S);
        return;
    }
    control_phase(c, PHASE_DRAIN);
    if (!c->fold.failed)
        verdict_failed(c);
    end_attempt(c, 1);
}

static void stopping(struct control *c)
{
    double grace_s = c->fold.stop_how == STOP_KILL ? 0 : c->config.job->stop_grace_s;

    if (c->fold.nodes_empty < c->fold.nnodes)
        drain(c, grace_s * DRAIN_STRETCH + DRAIN_EXTRA_S);
    else
        end_attempt(c, 2);
}

/* Agents that have not left, or, to a controller that was started again, have not come back. */
static bool anybody_left(const struct control *c)
{
    for (uint32_t i = 0; i < c->config.node_count && !c->linked; i++)
        if (c->live[i].return_ns)
            return true;
    return c->linked > 0;
}

static void leaving(struct control *c)
{
    struct run_event event = event_of(EV_RUN_ENDED);
    struct control_view view;

    if (c->now_ns < c->entered_ns + LEAVE_NS && anybody_left(c)) {
        control_wake(c, c->entered_ns + LEAVE_NS);
        return;
    }
    act_leave_bound(c);
    control_view(c, c->now_ns, &view);
    event.a = run_exits[c->fold.cause].code;
    event.text = str_of(view.headline);
    control_emit(c, event);
}

static void decide(struct control *c)
{
    static void (*const table[])(struct control *) = {
        [RUN_GATHERING] = gather_decide,
        [RUN_SPAWNING] = spawning,
        [RUN_RUNNING] = running,
        [RUN_ABORTING] = aborting,
        [RUN_STOPPING] = stopping,
        [RUN_LEAVING] = leaving,
        [RUN_ENDED] = NULL,
    };

    if (table[c->fold.state])
        table[c->fold.state](c);
}

static void enter(struct control *c)
{
    c->entered = true;
    c->seen_state = c->fold.state;
    c->seen_attempt = c->fold.attempt;
    c->entered_ns = c->now_ns;
    c->waiting[0] = '\0';
    c->waiting_ns = 0;
    act_on_state(c);
}

void control_settle(struct control *c)
{
    uint64_t seq;

    do {
        if (!c->begun || c->over)
            return;
        seq = c->fold.seq;
        if (!c->entered || c->seen_state != c->fold.state || c->seen_attempt != c->fold.attempt)
            enter(c);
        act_on_force(c);
        decide(c);
    } while (seq != c->fold.seq);
    control_wake(c, c->scan_ns);
}
