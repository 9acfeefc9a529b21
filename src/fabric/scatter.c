#include "fabric/court.h"

#include "base/stats.h"

#include <errno.h>

/* Without a topology, a bad cable behind a leaf is many slow flows, here and there, of which one
 * end is always among the same nodes: those of the leaf. One name instead of fifty links. */

#define OPEN_MIN 8   /* fewer are told one by one */
#define MANY     16  /* so few nodes share no cable: they are a leaf */
#define EACH_MIN 2   /* slow flows of a node that is among them */
#define COVERED  0.6 /* share of the slow flows that have such a node at this end */
#define CLEARER  1.3 /* the other end, or both, is chosen only when it is so much clearer */

/* The open flows that some nodes account for: those that they send, receive, or both. */
enum side { SIDE_SENDS, SIDE_RECEIVES, SIDE_BOTH, SIDES };

struct ends {
    uint32_t *count; /* by node: open flows that are counted for it */
    uint32_t nodes, flows, all;
};

static bool counts(enum side side, enum flow_way way)
{
    return side == SIDE_BOTH || (side == SIDE_SENDS) == (way == WAY_OUT);
}

static void sum_up(struct ends *ends, uint32_t node_count)
{
    for (uint32_t n = 0; n < node_count; n++)
        if (ends->count[n] >= EACH_MIN) {
            ends->nodes++;
            ends->flows += ends->count[n];
        }
}

static void count_ends(const struct court *court, enum side side, struct ends *ends)
{
    const struct flows *flows = court->flows;

    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (!flow_is_open(flows, flow))
            continue;
        ends->all++;
        ends->count[flow->from] += counts(side, WAY_OUT);
        ends->count[flow->to] += counts(side, WAY_IN);
    }
}

/* A flow that is bad both ways counts at its sender and its receiver, of which one is innocent: the
 * node with the most takes its flows from their other ends, and so on; of two, the one that `had`
 * more at first. */
static void take_most_first(const struct court *court, struct ends *ends, uint32_t *had,
                            bool *taken)
{
    const struct flows *flows = court->flows;

    memcpy(had, ends->count, flows->node_count * sizeof(*had));
    for (;;) {
        uint32_t most = 0;

        for (uint32_t n = 1; n < flows->node_count; n++)
            if (!taken[n] && (taken[most] || ends->count[n] > ends->count[most] ||
                              (ends->count[n] == ends->count[most] && had[n] > had[most])))
                most = n;
        if (taken[most] || ends->count[most] < EACH_MIN)
            break;
        taken[most] = true;
        for (uint32_t i = flows->start[most]; i < flows->start[most + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];
            uint32_t other = flow->from == most ? flow->to : flow->from;

            if (flow_is_open(flows, flow) && !taken[other])
                ends->count[other]--;
        }
    }
    for (uint32_t n = 0; n < flows->node_count; n++)
        ends->count[n] *= taken[n];
}

/* The share that few nodes account for; 0: it is not enough, or they are not few. */
static double clearness(const struct ends *ends, uint32_t node_count)
{
    if (ends->all < OPEN_MIN || ends->nodes < EACH_MIN || 2 * ends->nodes > node_count ||
        ends->flows < COVERED * ends->all)
        return 0;
    return (double)ends->flows / ends->all;
}

/* Routed by destination, the way up from a leaf is as clear at both ends: many nodes send slowly to
 * few. The way down would be slow as a whole, so it is the senders. A cable that is bad both ways
 * is clear at neither end, but at the nodes that have one of the two. */
static enum side choose(const struct ends ends[SIDES], uint32_t node_count)
{
    double clear[SIDES], each[SIDES];
    enum side way;

    for (int side = 0; side < SIDES; side++) {
        clear[side] = clearness(&ends[side], node_count);
        each[side] = clear[side] > 0 ? (double)ends[side].flows / ends[side].nodes : 0;
    }
    way = clear[SIDE_RECEIVES] > CLEARER * clear[SIDE_SENDS] ? SIDE_RECEIVES : SIDE_SENDS;
    if (each[SIDE_BOTH] > CLEARER * each[way])
        return SIDE_BOTH;
    return clear[way] > 0 ? way : SIDES;
}

static int name_ends(struct court *court, enum side side, const struct ends *ends)
{
    struct flows *flows = court->flows;
    struct accused *accused = court_name(court);
    uint32_t *nodes = arena_alloc(court->arena, ends->nodes * sizeof(*nodes)), count = 0, open = 0;
    double level;

    if (!accused || !nodes)
        return -ENOMEM;
    for (uint32_t n = 0; n < flows->node_count; n++)
        if (ends->count[n] >= EACH_MIN)
            nodes[count++] = n;
    *accused = (struct accused){.kind = SUSPECT_GROUP_PART,
                                .nodes = nodes,
                                .node_count = count,
                                .group = GROUP_NONE,
                                .margin = MARGIN_NAMED,
                                .decide = {MEASURE_NOBODY, MEASURE_NOBODY}};
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (flow_is_open(flows, flow))
            court->room[open++] = flow->x;
        else if ((counts(side, WAY_OUT) && ends->count[flow->from] >= EACH_MIN) ||
                 (counts(side, WAY_IN) && ends->count[flow->to] >= EACH_MIN))
            accused->fast++;
    }
    accused->slow = open;
    level = stats_median(court->room, open);
    for (int way = 0; way < FLOW_WAYS; way++)
        if (counts(side, (enum flow_way)way))
            accused->level[way] = level;
    for (uint32_t i = 0; i < flows->count; i++)
        if (flow_is_open(flows, &flows->items[i]))
            flows->items[i].level = flows->items[i].x;
    return 0;
}

int court_scattered(struct court *court)
{
    uint32_t n = court->flows->node_count;
    uint32_t *room = arena_alloc(court->arena, (SIDES + 1) * ((size_t)n + 1) * sizeof(*room));
    bool *taken = arena_alloc(court->arena, (size_t)n + 1);
    struct ends ends[SIDES];
    enum side side;

    if (!room || !taken)
        return -ENOMEM;
    if (court->flows->group_count || court->seen < MANY)
        return 0;
    for (int k = 0; k < SIDES; k++) {
        ends[k] = (struct ends){.count = room + (size_t)k * (n + 1)};
        count_ends(court, (enum side)k, &ends[k]);
        if (k == SIDE_BOTH)
            take_most_first(court, &ends[k], room + (size_t)SIDES * (n + 1), taken);
        sum_up(&ends[k], n);
    }
    side = choose(ends, n);
    return side == SIDES ? 0 : name_ends(court, side, &ends[side]);
}
