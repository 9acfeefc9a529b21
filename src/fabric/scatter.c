#include "fabric/court.h"

#include "base/stats.h"

#include <errno.h>
#include <stdlib.h>

/* Without a topology, a bad cable behind a leaf is many slow flows, here and there, of which one
 * end is always among the same nodes: those of the leaf. One name instead of fifty links. */

#define OPEN_MIN 8   /* fewer are told one by one */
#define MANY     16  /* so few nodes share no cable: they are a leaf */
#define EACH_MIN 2   /* slow flows of a node that is among them */
#define COVERED  0.6 /* share of the slow flows that have such a node at this end */
#define CLEARER  1.3 /* the other end is chosen only when it is so much clearer */

struct ends {
    uint32_t *count; /* by node: open flows that it sends, or receives */
    uint32_t nodes, flows, all;
};

static void count_ends(const struct court *court, enum flow_way way, struct ends *ends)
{
    const struct flows *flows = court->flows;

    ends->nodes = ends->flows = ends->all = 0;
    memset(ends->count, 0, flows->node_count * sizeof(*ends->count));
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (!flow_is_open(flows, flow))
            continue;
        ends->all++;
        ends->count[way == WAY_OUT ? flow->from : flow->to]++;
    }
    for (uint32_t n = 0; n < flows->node_count; n++)
        if (ends->count[n] >= EACH_MIN) {
            ends->nodes++;
            ends->flows += ends->count[n];
        }
}

/* How well few nodes account for all: flows a node, when they cover enough. */
static double clearness(const struct ends *ends, uint32_t node_count)
{
    if (ends->all < OPEN_MIN || ends->nodes < EACH_MIN || 2 * ends->nodes > node_count ||
        ends->flows < COVERED * ends->all)
        return 0;
    return (double)ends->flows / ends->all;
}

static int name_ends(struct court *court, enum flow_way way, const struct ends *ends)
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
        uint32_t end = way == WAY_OUT ? flow->from : flow->to;

        if (flow_is_open(flows, flow))
            court->room[open++] = flow->x;
        else if (ends->count[end] >= EACH_MIN)
            accused->fast++;
    }
    accused->slow = open;
    level = stats_median(court->room, open);
    accused->level[way] = level;
    for (uint32_t i = 0; i < flows->count; i++)
        if (flow_is_open(flows, &flows->items[i]))
            flows->items[i].level = flows->items[i].x;
    return 0;
}

/* The ways are looked at apart: a cable may be bad in one. */
int court_scattered(struct court *court)
{
    uint32_t n = court->flows->node_count;
    struct ends ends[FLOW_WAYS] = {{calloc((size_t)n + 1, sizeof(uint32_t)), 0, 0, 0},
                                   {calloc((size_t)n + 1, sizeof(uint32_t)), 0, 0, 0}};
    double clear[FLOW_WAYS];
    int r = -ENOMEM;

    if (ends[0].count && ends[1].count) {
        for (int way = 0; way < FLOW_WAYS; way++) {
            count_ends(court, (enum flow_way)way, &ends[way]);
            clear[way] = clearness(&ends[way], n);
        }
        r = 0;
        if (court->flows->group_count == 0 && court->seen >= MANY &&
            (clear[WAY_OUT] > 0 || clear[WAY_IN] > 0)) {
            /* Routed by destination, the way up from a leaf is as clear at both ends: many nodes
             * send slowly to few. The way down would be slow as a whole, so it is the senders. */
            enum flow_way way = clear[WAY_IN] > CLEARER * clear[WAY_OUT] ? WAY_IN : WAY_OUT;

            r = name_ends(court, way, &ends[way]);
        }
    }
    free(ends[0].count);
    free(ends[1].count);
    return r;
}
