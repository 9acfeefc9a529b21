/* sim/network - links between agents and the controller: ordered, late, breaking.
 *
 * As TCP does: what was sent on a link arrives in order or not at all. While the way is cut or
 * loses what is on it, bytes wait and arrive late; a link that breaks takes them with it, and an
 * end that can't be reached learns of that late too. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_RETRY_MS 200

struct parcel {
    size_t len;
    char bytes[];
};

static int64_t delay(struct sim *sim)
{
    return (int64_t)((sim->config.latency_ms + sim->config.jitter_ms * rng_unit(&sim->rng)) *
                     SIM_MS);
}

static bool reachable(const struct sim *sim, const struct sim_node *node)
{
    return node->host_up && node->agent_up && sim->now_ns >= node->partitioned_ns &&
           sim->now_ns >= node->back_ns;
}

/* Nothing gets through that way before until_ns, and then in the order in which it was sent. */
void network_stall(struct sim *sim, uint32_t index, enum sim_way way, int64_t until_ns)
{
    int64_t *stalled = &sim->nodes[index].stalled_ns[way];

    *stalled = until_ns > *stalled ? until_ns : *stalled;
    sim->nodes[index].smooth_ns =
        *stalled > sim->nodes[index].smooth_ns ? *stalled : sim->nodes[index].smooth_ns;
}

/* True when that way is stalled: the event comes again when it is not. */
static bool comes_late(struct sim *sim, const struct sim_event *event, enum sim_way way)
{
    int64_t until_ns = sim->nodes[event->node].stalled_ns[way];
    const struct parcel *parcel = event->data;
    struct parcel *copy = NULL;
    struct sim_event again = *event;

    if (sim->now_ns >= until_ns)
        return false;
    if (parcel && (copy = malloc(sizeof(*copy) + parcel->len)))
        memcpy(copy, parcel, sizeof(*copy) + parcel->len);
    again.data = copy;
    sim_at(sim, until_ns - sim->now_ns, again);
    return true;
}

static void deliver_up(struct sim *sim, struct sim_node *node, const struct message *message)
{
    struct err err = {0};

    if (!sim->control)
        return;
    if (message->id != MSG_HELLO)
        control_message(sim->control, node->index, message, sim->now_ns);
    else if (control_agent_up(sim->control, &message->hello, "sim", sim->now_ns, &err))
        node->greeted = true;
    else
        network_cut(sim, node->index, false);
}

static void deliver_down(struct sim *sim, struct sim_node *node, const struct message *message)
{
    if (!node->machine)
        return;
    if (message->id == MSG_ACK)
        check_ack(sim, node->index, message->ack.event);
    if (message->id == MSG_WELCOME)
        node->generation = message->welcome.generation;
    ranks_message(node->machine, message, node_clock(sim, node));
}

static void deliver(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    const struct parcel *parcel = event->data;
    struct arena *arena;
    struct message message;
    struct err err = {0};

    if (event->epoch != node->link_epoch || !node->link_up || !parcel ||
        comes_late(sim, event, (enum sim_way)event->a))
        return;
    arena = arena_new(0);
    if (!arena || message_decode(arena, (struct str){parcel->bytes, parcel->len}, &message, &err))
        sim_break(sim, "a message of node %u can't be decoded: %s", event->node, err.text);
    else if (event->a == SIM_UP)
        deliver_up(sim, node, &message);
    else
        deliver_down(sim, node, &message);
    arena_free(arena);
    sim->result.messages++;
}

/* In order: a message never overtakes the one before it on its link and way. */
void network_send(struct sim *sim, uint32_t index, enum sim_way way, struct str bytes)
{
    struct sim_node *node = &sim->nodes[index];
    struct parcel *parcel;
    int64_t at = sim->now_ns + delay(sim);
    int64_t *last = &node->last_ns[way];

    if (node->link_up && (parcel = malloc(sizeof(*parcel) + bytes.len))) {
        parcel->len = bytes.len;
        memcpy(parcel->bytes, bytes.p, bytes.len);
        *last = at > *last ? at : *last;
        sim_at(sim, *last - sim->now_ns,
               (struct sim_event){.act = deliver,
                                  .node = index,
                                  .epoch = node->link_epoch,
                                  .a = way,
                                  .data = parcel});
    }
    free((void *)bytes.p);
}

/* A controller that was followed by another, and does not know it, must not be obeyed. */
static void rival_speaks(struct sim *sim, struct sim_node *node)
{
    uint32_t attempt = ranks_attempt(node->machine);
    const struct message words[] = {
        {.id = MSG_WELCOME,
         .welcome = {.generation = node->generation - 1, .node = node->index, .hold_ms = 1}},
        {.id = MSG_STOP, .stop = {.attempt = attempt, .how = STOP_KILL}},
        {.id = MSG_START, .start = {.attempt = attempt + 100, .nnodes = 1, .nproc = 1, .world = 1}},
        {.id = MSG_LEAVE},
    };

    node->rival = node->attached = true;
    ranks_link_up(node->machine, "10.0.0.2", node_clock(sim, node));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        ranks_message(node->machine, &words[i], node_clock(sim, node));
    node->rival = false;
    if (node->attached)
        sim_break(sim, "node %u keeps the link to a controller of an older generation",
                  node->index);
}

static void connected(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || node->attached || !node->machine)
        return;
    if (node->generation > 1 && rng_unit(&sim->rng) < sim->config.rivals) {
        rival_speaks(sim, node);
        return; /* it has cut that link, and connects again */
    }
    if (!sim->control || !reachable(sim, node)) {
        sim_at(sim, CONNECT_RETRY_MS * SIM_MS,
               (struct sim_event){.act = connected, .node = event->node, .epoch = event->epoch});
        return;
    }
    node->link_up = node->attached = true; /* one that only the controller holds is replaced */
    node->greeted = false;
    node->link_epoch++;
    node->last_ns[SIM_DOWN] = node->last_ns[SIM_UP] = sim->now_ns;
    node->linked_ns = sim->now_ns;
    ranks_link_up(node->machine, "10.0.0.1", node_clock(sim, node));
    check_return(sim, event->node);
}

void network_connect(struct sim *sim, uint32_t index)
{
    sim_at(sim, delay(sim),
           (struct sim_event){
               .act = connected, .node = index, .epoch = sim->nodes[index].agent_epoch});
}

static void controller_sees_cut(struct sim *sim, const struct sim_event *event)
{
    if (sim->control && event->epoch == sim->controller_epoch &&
        sim->nodes[event->node].link_epoch == (uint32_t)event->a && !comes_late(sim, event, SIM_UP))
        control_agent_down(sim->control, event->node, "closed by the peer", sim->now_ns);
}

static void agent_sees_cut(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->machine || !node->attached ||
        node->link_epoch != (uint32_t)event->a || comes_late(sim, event, SIM_DOWN))
        return;
    node->attached = false;
    ranks_link_down(node->machine, node_clock(sim, node));
    network_connect(sim, event->node);
}

/* The agent has closed its end. */
void network_leave(struct sim *sim, uint32_t index)
{
    if (!sim->nodes[index].attached)
        return;
    sim->nodes[index].attached = false;
    network_cut(sim, index, false);
    network_connect(sim, index);
}

/* silent: the controller itself has cut it, or it will find out by silence. */
void network_cut(struct sim *sim, uint32_t index, bool silent)
{
    struct sim_node *node = &sim->nodes[index];

    if (!node->link_up)
        return;
    node->link_up = false;
    if (!silent)
        sim_at(sim, delay(sim),
               (struct sim_event){.act = controller_sees_cut,
                                  .node = index,
                                  .epoch = sim->controller_epoch,
                                  .a = node->link_epoch});
    sim_at(sim, delay(sim),
           (struct sim_event){.act = agent_sees_cut,
                              .node = index,
                              .epoch = node->agent_epoch,
                              .a = node->link_epoch});
}
