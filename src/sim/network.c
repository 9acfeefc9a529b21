/* sim/network - links between agents and the controller: ordered, late, breaking.
 *
 * As TCP does: what was sent on a link arrives in order or not at all; a link that breaks takes
 * what was on its way with it. A silent break is seen by neither end. */
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
    return node->host_up && node->agent_up && !node->partitioned && sim->now_ns >= node->back_ns;
}

static void deliver_up(struct sim *sim, struct sim_node *node, const struct message *message)
{
    struct err err = {0};

    if (!sim->control)
        return;
    if (message->id != MSG_HELLO)
        control_message(sim->control, node->index, message, sim->now_ns);
    else if (!control_agent_up(sim->control, &message->hello, "sim", sim->now_ns, &err))
        network_cut(sim, node->index, false);
}

static void deliver(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];
    const struct parcel *parcel = event->data;
    struct arena *arena;
    struct message message;
    struct err err = {0};

    if (event->epoch != node->link_epoch || !node->link_up)
        return;
    if (!reachable(sim, node)) /* the bytes are lost, and TCP has not noticed yet */
        return;
    arena = arena_new(0);
    if (!arena || message_decode(arena, (struct str){parcel->bytes, parcel->len}, &message, &err))
        sim_break(sim, "a message of node %u can't be decoded: %s", event->node, err.text);
    else if (event->a)
        deliver_up(sim, node, &message);
    else if (node->machine) {
        if (message.id == MSG_ACK)
            check_ack(sim, node->index, message.ack.event);
        ranks_message(node->machine, &message, node_clock(sim, node));
    }
    arena_free(arena);
    sim->result.messages++;
}

/* In order: a message never overtakes the one before it on its link and way. */
void network_send(struct sim *sim, uint32_t index, bool up, struct str bytes)
{
    struct sim_node *node = &sim->nodes[index];
    struct parcel *parcel;
    int64_t at = sim->now_ns + delay(sim);
    int64_t *last = &node->last_ns[up];

    if (node->link_up && (parcel = malloc(sizeof(*parcel) + bytes.len))) {
        parcel->len = bytes.len;
        memcpy(parcel->bytes, bytes.p, bytes.len);
        *last = at > *last ? at : *last;
        sim_at(sim, *last - sim->now_ns, deliver, index, node->link_epoch, up, 0, parcel);
    }
    free((void *)bytes.p);
}

static void connected(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || node->link_up || !node->machine)
        return;
    if (!sim->control || !reachable(sim, node)) {
        sim_at(sim, CONNECT_RETRY_MS * SIM_MS, connected, event->node, event->epoch, 0, 0, NULL);
        return;
    }
    node->link_up = true;
    node->link_epoch++;
    node->last_ns[0] = node->last_ns[1] = sim->now_ns;
    ranks_link_up(node->machine, "10.0.0.1", node_clock(sim, node));
}

void network_connect(struct sim *sim, uint32_t index)
{
    sim_at(sim, delay(sim), connected, index, sim->nodes[index].agent_epoch, 0, 0, NULL);
}

static void controller_sees_cut(struct sim *sim, const struct sim_event *event)
{
    if (sim->control && event->epoch == sim->controller_epoch &&
        sim->nodes[event->node].link_epoch == (uint32_t)event->a)
        control_agent_down(sim->control, event->node, "closed by the peer", sim->now_ns);
}

static void agent_sees_cut(struct sim *sim, const struct sim_event *event)
{
    struct sim_node *node = &sim->nodes[event->node];

    if (event->epoch != node->agent_epoch || !node->machine || node->link_up)
        return;
    ranks_link_down(node->machine, node_clock(sim, node));
    network_connect(sim, event->node);
}

/* silent: the controller itself has cut it, or it will find out by silence. */
void network_cut(struct sim *sim, uint32_t index, bool silent)
{
    struct sim_node *node = &sim->nodes[index];

    if (!node->link_up)
        return;
    node->link_up = false;
    if (!silent)
        sim_at(sim, delay(sim), controller_sees_cut, index, sim->controller_epoch, node->link_epoch,
               0, NULL);
    sim_at(sim, delay(sim), agent_sees_cut, index, node->agent_epoch, 0, 0, NULL);
}
