#include "sim/fabric_world.h"

#include "base/rng.h"
#include "sim/fabric_faults.h"
#include "sim/queue.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT_SPEED   25e9 /* bytes a second */
#define HOP_S        2e-6
#define LEAF_HOPS_S  0.6e-6 /* more, from leaf to leaf */
#define ANSWER_MS    2      /* the way there or back */
#define JITTER_MS    3
#define SET_UP_MS    150 /* until a pair has met */
#define MEASURES_MAX 32
#define EVENTS_MAX   50000000
#define WALL_NS      1700000000000000000
#define CORES        4

enum what { EVENT_CARD, EVENT_ANSWER, EVENT_WAKE, EVENT_GONE, EVENT_STOP };

struct pending { /* the order that a probe works on */
    struct order order;
    uint32_t seq;
    int64_t at_ms; /* it begins */
    bool met;      /* both ends of the pair have it */
};

struct world {
    const struct fabric_world_config *config;
    struct fabric_world_score *score;
    struct fabric_plan plan;
    struct fabric_result *result;
    struct session *session;
    struct sim_queue queue;
    struct rng rng;
    struct pending *pending; /* by node */
    bool *lost;              /* by node: hung or dead */
    uint32_t node_count;
    int64_t now_ms, woken_ms; /* woken: the earliest wish that is in the queue */
    bool done;
    int failed;
    const char *broken; /* what the session must not do */
};

static double normal(struct world *world)
{
    return sqrt(-2 * log(1 - rng_unit(&world->rng))) *
           cos(6.283185307179586 * rng_unit(&world->rng));
}

static void put(struct world *world, enum what what, int64_t at_ms, uint32_t node, uint32_t seq)
{
    struct sim_event event = {.at_ns = at_ms * 1000000, .node = node, .epoch = seq, .a = what};

    if (sim_queue_put(&world->queue, &event) < 0)
        world->failed = -ENOMEM;
}

static int64_t way_ms(struct world *world)
{
    return ANSWER_MS + (int64_t)rng_below(&world->rng, JITTER_MS);
}

static bool has_misfortune(const struct world *world, uint32_t node, enum fabric_misfortune which)
{
    return world->config->misfortune == which && world->config->misfortune_node == node;
}

/* Does the probe stop with this order? */
static bool stops(struct world *world, uint32_t node, uint32_t seq, int64_t at_ms)
{
    const struct fabric_world_config *config = world->config;
    bool dies = has_misfortune(world, node, PROBE_DIES);

    if (world->lost[node])
        return true;
    if (seq < config->misfortune_seq || !(dies || has_misfortune(world, node, PROBE_HANGS) ||
                                          has_misfortune(world, node, PROBE_DIES_SILENT)))
        return false;
    world->lost[node] = true;
    if (dies)
        put(world, EVENT_GONE, at_ms + 50, node, 0);
    return true;
}

static void on_order(void *data, uint32_t node, uint32_t seq, const struct order *order)
{
    struct world *world = data;
    struct pending *own = &world->pending[node], *other;
    int64_t at_ms = world->now_ms + way_ms(world), took_ms = 1;

    world->score->orders++;
    if (node >= world->node_count || world->result->nodes.items[node].fate != NODE_WELL)
        world->broken = "ordered a node that is not well";
    if (world->done)
        world->broken = "ordered after the end";
    if (stops(world, node, seq, at_ms) || order->kind == ORDER_LEAVE)
        return;
    if (has_misfortune(world, node, PROBE_LATE) && seq == world->config->misfortune_seq)
        at_ms += order->limit_ms + 3600000;
    *own = (struct pending){*order, seq, at_ms, false};
    if (order->kind == ORDER_NODE)
        took_ms = order->ms * 20;
    if (order->kind == ORDER_PAIR) {
        if (order->peer == node || order->peer >= world->node_count)
            world->broken = "paired a node with nobody";
        other = &world->pending[order->peer];
        if (other->order.kind == ORDER_PAIR && other->order.meeting == order->meeting &&
            other->order.peer == node && !world->lost[order->peer] &&
            !has_misfortune(world, node, PROBE_UNREACHED) &&
            !has_misfortune(world, order->peer, PROBE_UNREACHED)) {
            int64_t both_ms =
                (at_ms > other->at_ms ? at_ms : other->at_ms) + SET_UP_MS +
                (int64_t)order->ms * (order->size_count * (order->both ? 3 : 2) + order->latency);

            own->met = other->met = true;
            put(world, EVENT_ANSWER, both_ms + way_ms(world), node, seq);
            put(world, EVENT_ANSWER, both_ms + way_ms(world), order->peer, other->seq);
        }
        took_ms = order->limit_ms; /* alone it answers at last */
    }
    put(world, EVENT_ANSWER, at_ms + took_ms + way_ms(world), node, seq);
    if (has_misfortune(world, node, PROBE_TWICE))
        put(world, EVENT_ANSWER, at_ms + took_ms + 100, node, seq);
}

static void on_troubles(void *data, const struct fabric_trouble *troubles, size_t count)
{
    (void)data, (void)troubles, (void)count;
}

static void on_wake(void *data, int64_t at_ms)
{
    struct world *world = data;

    put(world, EVENT_WAKE, at_ms > world->now_ms ? at_ms : world->now_ms, 0, 0);
}

static void on_done(void *data)
{
    struct world *world = data;

    if (world->done)
        world->broken = "ended twice";
    world->done = true;
}

struct telling_answer {
    struct answer answer;
    struct measure measures[MEASURES_MAX];
    struct fabric_trouble trouble;
};

static void tell(struct telling_answer *out, const char *metric, uint32_t node, uint32_t peer,
                 uint64_t bytes, const char *part, double value)
{
    struct measure *m = &out->measures[out->answer.measure_count++];

    *m = (struct measure){.metric = metric_find(str_of(metric)),
                          .node = node,
                          .peer = peer,
                          .bytes = bytes,
                          .value = value,
                          .low = value * 0.98,
                          .high = value * 1.02};
    (void)snprintf(m->part, sizeof(m->part), "%s", part);
    (void)snprintf(m->via, sizeof(m->via), "%s", peer == MEASURE_NOBODY ? "" : "rc_mlx5/mlx5_0:1");
}

static double speed(struct world *world, uint32_t from, uint32_t to, enum phase phase)
{
    const struct fabric_world_config *config = world->config;
    double share = fabric_plan_speed(&world->plan, from, to);

    if (phase == PHASE_TOGETHER && config->together > 0 &&
        from / config->hosts_each != to / config->hosts_each)
        share = fmin(share, config->together);
    if (config->hiccups > 0 && rng_unit(&world->rng) < config->hiccups)
        share *= 0.2 + 0.6 * rng_unit(&world->rng);
    return PORT_SPEED * share * fmax(0.01, 1 + config->noise * normal(world));
}

static void tell_pair(struct world *world, uint32_t node, const struct order *order,
                      struct telling_answer *out)
{
    uint32_t peer = order->peer, each = world->config->hosts_each;
    double hops = node / each == peer / each ? HOP_S : HOP_S + LEAF_HOPS_S;

    for (uint32_t i = 0; i < order->size_count; i++) {
        double small = order->sizes[i] < 1048576 ? 0.6 : 1;

        tell(out, "pair.bandwidth", node, peer, order->sizes[i], "",
             small * speed(world, node, peer, order->phase));
        tell(out, "pair.bandwidth", peer, node, order->sizes[i], "",
             small * speed(world, peer, node, order->phase));
        if (order->both)
            tell(out, "pair.both", node, peer, order->sizes[i], "",
                 small * (speed(world, node, peer, order->phase) +
                          speed(world, peer, node, order->phase)));
    }
    if (order->latency)
        tell(out, "pair.latency.p50", node, peer, order->latency_bytes, "",
             hops * (1 + world->config->noise * normal(world)));
}

static void tell_node(struct world *world, uint32_t node, const struct order *order,
                      struct telling_answer *out)
{
    if (order->tests & 1u << TEST_MEMORY)
        tell(out, "memory.read", node, MEASURE_NOBODY, 0, "numa0",
             200e9 * (1 + 0.01 * normal(world)));
    for (int core = 0; core < CORES && order->tests & 1u << TEST_CPU; core++) {
        char part[16];

        (void)snprintf(part, sizeof(part), "cpu%d", core);
        tell(out, "cpu.matrix", node, MEASURE_NOBODY, 0, part, 60e9 * (1 + 0.01 * normal(world)));
    }
}

static void spoil(struct telling_answer *out)
{
    static const double garbage[] = {NAN, -1, 1e308, INFINITY, 0};

    for (uint32_t i = 0; i < out->answer.measure_count; i++)
        out->measures[i].value = garbage[i % ARRAY_LEN(garbage)];
    if (out->answer.measure_count) {
        out->measures[0].node = 4000000000u;
        out->measures[0].metric = NULL;
    }
    out->answer.wall_ns = INT64_MIN;
}

static void on_answer(struct world *world, uint32_t node, uint32_t seq)
{
    const struct pending *pending = &world->pending[node];
    struct telling_answer out = {.answer = {.wall_ns = WALL_NS + world->now_ms * 1000000}};

    if (pending->seq != seq || world->lost[node])
        return; /* it has answered, or never will */
    out.answer.measures = out.measures;
    out.answer.troubles = &out.trouble;
    if (pending->order.kind == ORDER_NODE)
        tell_node(world, node, &pending->order, &out);
    if (pending->order.kind == ORDER_PAIR && pending->met && pending->order.first)
        tell_pair(world, node, &pending->order, &out);
    if (pending->order.kind == ORDER_PAIR && !pending->met) {
        out.trouble = (struct fabric_trouble){TROUBLE_PEER, TEST_PAIRS, node, pending->order.peer,
                                              "nobody came to meet"};
        out.answer.trouble_count = 1;
    }
    if (has_misfortune(world, node, PROBE_GARBAGE))
        spoil(&out);
    if (!has_misfortune(world, node, PROBE_TWICE))
        world->pending[node].seq = 0;
    session_answer(world->session, node, seq, &out.answer, world->now_ms,
                   WALL_NS + world->now_ms * 1000000);
}

static void on_event(struct world *world, const struct sim_event *event)
{
    struct card card = {.host = "n", .has_ucx = true, .cpus = CORES, .numa_nodes = 1};
    uint32_t rails = world->config->rails ? world->config->rails : 1;

    for (uint32_t i = 0; i < rails && i < CARD_DEVICES_MAX; i++) {
        struct device *device = &card.devices[card.device_count++];

        *device = (struct device){DEVICE_RDMA, "", true, PORT_SPEED, 0};
        (void)snprintf(device->name, sizeof(device->name), "mlx5_%u:1", i);
    }
    switch ((enum what)event->a) {
    case EVENT_CARD:
        session_card(world->session, event->node, &card, world->now_ms);
        break;
    case EVENT_ANSWER:
        on_answer(world, event->node, event->epoch);
        break;
    case EVENT_WAKE:
        session_tick(world->session, world->now_ms);
        break;
    case EVENT_GONE:
        session_gone(world->session, event->node, NODE_DIED, "killed by signal 9", world->now_ms);
        break;
    case EVENT_STOP:
        session_stop(world->session, world->now_ms);
        break;
    }
}

static int prepare(struct world *world)
{
    const struct fabric_world_config *config = world->config;
    static const struct session_world calls = {
        .order = on_order, .troubles = on_troubles, .wake = on_wake, .done = on_done};
    struct session_world of_session = calls;

    for (uint32_t i = 0; i < world->node_count; i++) {
        char name[16], group[16] = "";

        (void)snprintf(name, sizeof(name), "n%03u", i);
        if (config->groups_told)
            (void)snprintf(group, sizeof(group), "leaf%02u", i / config->hosts_each);
        if (result_add_node(world->result, name, group, NULL) < 0)
            return -ENOMEM;
    }
    of_session.data = world;
    world->session = session_new(&config->options, world->result, &of_session);
    return world->session ? 0 : -ENOMEM;
}

static int play(struct world *world, struct err *err)
{
    struct sim_event event;
    uint64_t events = 0;

    session_begin(world->session, 0, WALL_NS);
    for (uint32_t i = 0; i < world->node_count; i++)
        if (!has_misfortune(world, i, PROBE_ABSENT))
            put(world, EVENT_CARD, 5 + way_ms(world), i, 0);
    if (world->config->stop_ms)
        put(world, EVENT_STOP, world->config->stop_ms, 0, 0);
    while (!world->failed && !world->broken && sim_queue_take(&world->queue, &event)) {
        if (world->done && !(world->config->misfortune == PROBE_LATE))
            break;
        world->now_ms = event.at_ns / 1000000;
        on_event(world, &event);
        if (!world->done)
            world->score->took_ms = world->now_ms;
        if (++events > EVENTS_MAX)
            world->broken = "did not end";
    }
    if (!world->done && !world->failed && !world->broken)
        world->broken = "waits for nothing";
    if (world->broken)
        return err_set(err, -EPROTO, "the session %s (seed %llu, at %lld ms)", world->broken,
                       (unsigned long long)world->config->seed, (long long)world->now_ms);
    return world->failed ? err_set(err, world->failed, "no memory for the simulation") : 0;
}

static int judge(struct world *world)
{
    struct arena *arena = arena_new(0);
    struct findings_of_fabric found;
    double all = (double)world->node_count * (world->node_count - 1) / 2;
    int r = arena ? model_find(arena, world->result, &found) : -ENOMEM;

    if (r == 0)
        fabric_plan_score(&world->plan, &found, world->score);
    world->score->pairs_share = world->result->pairs_done / all;
    world->score->rounds = world->result->rounds;
    arena_free(arena);
    return r;
}

int fabric_world_run(const struct fabric_world_config *config, struct fabric_result **result,
                     struct fabric_world_score *score, struct err *err)
{
    struct world world = {.config = config, .score = score, .rng = {config->seed}};
    int r = -ENOMEM;

    *score = (struct fabric_world_score){0};
    world.node_count = config->leaves * config->hosts_each;
    world.pending = calloc(world.node_count + (size_t)1, sizeof(*world.pending));
    world.lost = calloc(world.node_count + (size_t)1, sizeof(*world.lost));
    world.result = result_new();
    if (world.pending && world.lost && world.result &&
        fabric_plan_make(config, score, &world.plan) == 0) {
        r = prepare(&world);
        if (r == 0)
            r = play(&world, err);
        if (r == 0)
            r = judge(&world);
    }
    session_free(world.session);
    sim_queue_done(&world.queue);
    fabric_plan_done(&world.plan);
    free(world.pending);
    free(world.lost);
    if (r == 0 && result)
        *result = world.result;
    else
        result_free(world.result);
    return r;
}
