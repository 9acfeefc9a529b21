#include "fabric/court.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* What is left when nodes and groups are explained: a part of the ways out of a group (one of its
 * cables, on which only some of its flows go), and single links. */

#define ODDS_PART     (-7.0)
#define ODDS_LINK     (-8.0)
#define ODDS_LINK_WAY (-9.0)
#define PART_FLOWS    4     /* fewer slow flows are no pattern */
#define PART_NODES    2     /* ... of so many nodes on either side, at least */
#define LINK_FAR      6.0   /* standard deviations: of so many links some are far off by chance */
#define LATENCY_FAR   0.69  /* a factor of two beyond the scatter of the others */
#define BACKGROUND    0.001 /* slow flows without a cause are taken for at least that frequent */

struct part {
    uint32_t open[FLOW_WAYS], all[FLOW_WAYS];
    double level[FLOW_WAYS], gain[FLOW_WAYS], score;
};

static bool in_scope(const struct court *court, const struct flow *flow)
{
    return court->phase < 0 || flow->phase == court->phase;
}

/* Which way `flow` leaves or enters set g; false: it does neither. */
static bool crosses(const struct court *court, const struct flow *flow, uint32_t g,
                    enum flow_way *way)
{
    bool from = court->set_of[flow->from] == g, to = court->set_of[flow->to] == g;

    *way = from ? WAY_OUT : WAY_IN;
    return from != to && in_scope(court, flow);
}

/* Distinct nodes at both ends of the open flows, counted up to PART_NODES. */
static bool spread_out(const struct court *court, uint32_t g, int way)
{
    uint32_t from = MEASURE_NOBODY, to = MEASURE_NOBODY;
    bool from_two = false, to_two = false;

    for (uint32_t i = 0; i < court->flows->count; i++) {
        const struct flow *flow = &court->flows->items[i];
        enum flow_way its;

        if (!crosses(court, flow, g, &its) || its != (enum flow_way)way ||
            !flow_is_open(court->flows, flow))
            continue;
        from_two |= from != MEASURE_NOBODY && from != flow->from;
        to_two |= to != MEASURE_NOBODY && to != flow->to;
        from = flow->from;
        to = flow->to;
    }
    return from_two && to_two;
}

static void weigh_part(struct court *court, uint32_t g, double background, struct part *out)
{
    double *values[FLOW_WAYS] = {court->room, court->room + court->flows->count + 1};

    *out = (struct part){.score = ODDS_PART};
    for (uint32_t i = 0; i < court->flows->count; i++) {
        const struct flow *flow = &court->flows->items[i];
        enum flow_way way;

        if (!crosses(court, flow, g, &way))
            continue;
        out->all[way]++;
        if (flow_is_open(court->flows, flow))
            values[way][out->open[way]++] = flow->x;
    }
    for (int way = 0; way < FLOW_WAYS; way++) {
        double share = (double)out->open[way] / (out->all[way] + 1.0);

        if (out->open[way] < PART_FLOWS || share < 2 * background || !spread_out(court, g, way))
            continue;
        out->level[way] = stats_median(values[way], out->open[way]);
        for (uint32_t i = 0; i < court->flows->count; i++) {
            const struct flow *flow = &court->flows->items[i];
            enum flow_way its;
            double odds;

            if (!crosses(court, flow, g, &its) || its != (enum flow_way)way)
                continue;
            odds = exp(court_gain(court, flow, out->level[way]));
            out->gain[way] +=
                log((1 - share + share * odds) / (1 - background + background * odds));
        }
        if (out->gain[way] > 0)
            out->score += out->gain[way];
        else
            out->level[way] = 0;
    }
}

/* Slow flows without a cause that don't touch the group in question say how usual they are. */
static double background_of(const struct court *court, uint32_t g)
{
    uint32_t open = 0, all = 0;

    for (uint32_t i = 0; i < court->flows->count; i++) {
        const struct flow *flow = &court->flows->items[i];
        enum flow_way way;

        if (crosses(court, flow, g, &way) || !in_scope(court, flow))
            continue;
        all++;
        open += flow_is_open(court->flows, flow);
    }
    return fmax(BACKGROUND, (double)open / (all + 1.0));
}

static int name_part(struct court *court, uint32_t g, const struct part *part, double margin)
{
    struct accused *accused = court_name(court);

    if (!accused)
        return -ENOMEM;
    *accused = (struct accused){.kind = SUSPECT_GROUP_PART,
                                .nodes = court->sets[g].nodes,
                                .node_count = court->sets[g].count,
                                .group = g,
                                .margin = margin,
                                .decide = {MEASURE_NOBODY, MEASURE_NOBODY}};
    for (int way = 0; way < FLOW_WAYS; way++) {
        accused->level[way] = part->level[way];
        accused->slow += part->level[way] < 0 ? part->open[way] : 0;
        accused->fast += part->level[way] < 0 ? part->all[way] - part->open[way] : 0;
    }
    for (uint32_t i = 0; i < court->flows->count; i++) {
        struct flow *flow = &court->flows->items[i];
        enum flow_way way;

        if (crosses(court, flow, g, &way) && part->level[way] < 0 &&
            flow_is_open(court->flows, flow))
            flow->level = part->level[way];
    }
    return 0;
}

int court_parts(struct court *court)
{
    while (court->set_count >= 2) {
        struct part best = {.score = -INFINITY}, next = best;
        uint32_t at = 0;

        for (uint32_t g = 0; g < court->set_count; g++) {
            struct part part;

            weigh_part(court, g, background_of(court, g), &part);
            if (part.score > best.score) {
                next = best;
                best = part;
                at = g;
            } else if (part.score > next.score) {
                next = part;
            }
        }
        if (best.score < MARGIN_NAMED)
            return 0;
        if (name_part(court, at, &best, best.score - fmax(next.score, 0)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* One direction between two nodes: slow whenever it was measured, and more than once; also alone,
 * where anything was measured alone, and alone more than once where numbers scatter much. */
struct way {
    double level, gain;
    uint32_t slow, fast; /* measurements */
    uint32_t in[PAIR_PHASES];
};

static void weigh_ways(const struct court *court, uint32_t a, uint32_t b, double far,
                       struct way ways[FLOW_WAYS])
{
    const struct flows *flows = court->flows;
    enum phase must = flows_phase(flows);
    uint32_t alone_min = flows->noisy ? 2 : 1;

    for (uint32_t i = flows->start[a]; i < flows->start[a + 1]; i++) {
        const struct flow *flow = &flows->items[flows->list[i]];
        struct way *way = &ways[flow->from == a ? WAY_OUT : WAY_IN];

        if (flow->from != b && flow->to != b)
            continue;
        if (!flow_is_open(flows, flow) || flow->best > -fmax(court->need, far)) {
            way->fast += flow->times;
            continue;
        }
        way->slow += flow->times;
        way->in[flow->phase] += flow->times;
        way->gain += court_gain(court, flow, flow->x);
        if (flow->x < way->level)
            way->level = flow->x;
    }
    for (int k = 0; k < FLOW_WAYS; k++)
        if (ways[k].slow < 2 || ways[k].in[must] < alone_min || ways[k].fast)
            ways[k] = (struct way){0};
}

static uint32_t fast_flows(const struct court *court, uint32_t node)
{
    const struct flows *flows = court->flows;
    uint32_t fast = 0;

    for (uint32_t i = flows->start[node]; i < flows->start[node + 1]; i++)
        fast += flows->items[flows->list[i]].x > -court->need;
    return fast;
}

static int name_link(struct court *court, uint32_t a, uint32_t b, const struct way *ways,
                     double margin)
{
    bool out = ways[WAY_OUT].slow > 0, in = ways[WAY_IN].slow > 0;
    struct accused *accused = court_name(court);
    uint32_t *nodes = arena_alloc(court->arena, 2 * sizeof(*nodes));
    struct flows *flows = court->flows;

    if (!accused || !nodes)
        return -ENOMEM;
    nodes[0] = out ? a : b; /* from, to */
    nodes[1] = out ? b : a;
    *accused = (struct accused){.kind = out && in ? SUSPECT_LINK : SUSPECT_LINK_ONE_WAY,
                                .nodes = nodes,
                                .node_count = 2,
                                .group = GROUP_NONE,
                                .level = {ways[!out].level, out && in ? ways[WAY_IN].level : 0},
                                .margin = margin,
                                .slow = ways[WAY_OUT].slow + ways[WAY_IN].slow,
                                .fast = fast_flows(court, a) + fast_flows(court, b),
                                .decide = {MEASURE_NOBODY, MEASURE_NOBODY}};
    for (uint32_t k = flows->start[a]; k < flows->start[a + 1]; k++) {
        struct flow *flow = &flows->items[flows->list[k]];

        if ((flow->from == b || flow->to == b) && flow_is_open(flows, flow))
            flow->level = flow->x;
    }
    return 0;
}

/* How far below typical a link must be. Latencies scatter: a link is slow in them only if it is far
 * beyond what all but one in a hundred other flows ever showed. */
static double link_far(const struct court *court)
{
    const struct flows *flows = court->flows;
    double far = LINK_FAR * court->noise;
    uint32_t count = 0;

    if (!flows->metric->lower_is_better)
        return far;
    for (uint32_t i = 0; i < flows->count; i++)
        if (!flow_is_open(flows, &flows->items[i]))
            court->room[count++] = flows->items[i].worst;
    if (!count)
        return INFINITY;
    stats_sort(court->room, count);
    return fmax(far, LATENCY_FAR - court->room[count / 100]);
}

int court_links(struct court *court)
{
    const struct flows *flows = court->flows;
    double far = link_far(court);

    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];
        struct way ways[FLOW_WAYS] = {0};
        double score;

        if (!flow_is_open(flows, flow) || flow->level != 0)
            continue;
        weigh_ways(court, flow->from, flow->to, far, ways);
        score = ways[WAY_OUT].gain + ways[WAY_IN].gain +
                (ways[WAY_OUT].slow && ways[WAY_IN].slow ? ODDS_LINK : ODDS_LINK_WAY);
        if (score < MARGIN_NAMED)
            continue;
        if (name_link(court, flow->from, flow->to, ways, score) < 0)
            return -ENOMEM;
    }
    return 0;
}
