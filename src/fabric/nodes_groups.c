#include "fabric/court.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

/* What is expected before anything is measured, as log odds: of a hundred nodes one is slow (as
 * SuperBench and others saw, up to ten); of the rest less. */
#define ODDS_NODE       (-4.6)
#define ODDS_WAY        (-5.3) /* one direction of a node */
#define ODDS_GROUP      (-5.0)
#define ODDS_WHOLE      (-6.0)
#define ODDS_TO         (-6.5)  /* ways to a node from outside its group */
#define ODDS_PART_NOISY (-12.0) /* either, where few flows and much noise look like it */

#define FAR              6.0    /* standard deviations of a mean, 5 of a median */
#define FAR_NOISY        2.5    /* where noise is taken for rather too large */
#define GAIN_SURELY_FAST (-3.0) /* of a flow: speaks against its being slow by twenty to one */

/* A candidate is all flows of some nodes, or those that leave their group. */
struct candidate {
    const uint32_t *nodes;
    uint32_t count;
    uint32_t set; /* for `cross`: the group that is left */
    bool cross;   /* only flows to and from outside `set` */
    bool is_group;
};

struct judged {
    double level[FLOW_WAYS], gain[FLOW_WAYS];
    uint32_t slow, fast;
    double score; /* with the odds; negative infinity: not slow */
};

/* A candidate on the list: what was judged holds until flows of its nodes are explained. */
struct listed {
    struct candidate candidate;
    struct judged judged;
    bool stale;
};

static bool covers(const struct court *court, const struct candidate *c, const struct flow *flow,
                   uint32_t node, enum flow_way *way)
{
    uint32_t other = flow->from == node ? flow->to : flow->from;

    *way = flow->from == node ? WAY_OUT : WAY_IN;
    if (court->phase >= 0 && flow->phase != court->phase)
        return false;
    if (!c->is_group)
        return !c->cross || court->set_of[other] != c->set;
    if (court->set_of[other] != c->set)
        return true;
    return !c->cross && *way == WAY_OUT; /* inside: counted once */
}

/* Reads off the flows that nothing explains yet, or of those that something does. */
static void read_off(struct court *court, const struct candidate *c, bool explained,
                     double *values[FLOW_WAYS], uint32_t low[FLOW_WAYS], uint32_t all[FLOW_WAYS])
{
    const struct flows *flows = court->flows;

    for (uint32_t n = 0; n < c->count; n++)
        for (uint32_t i = flows->start[c->nodes[n]]; i < flows->start[c->nodes[n] + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];
            enum flow_way way;

            if (!covers(court, c, flow, c->nodes[n], &way) || (flow->level != 0) != explained)
                continue;
            values[way][all[way]++] = flow->x;
            low[way] += flow->x < flow->level - court->need;
        }
}

/* The level of each way, from what nothing explains yet; when all of it is explained, from that: a
 * slow node of a slow leaf is slower still. False: neither is slow. */
static bool fit_levels(struct court *court, const struct candidate *c, struct judged *out)
{
    double far = flows_are_noisy(court->flows) ? FAR_NOISY : FAR;
    bool slow = false;

    for (int explained = 0; explained < 2 && !slow; explained++) {
        double *values[FLOW_WAYS] = {court->room, court->room + court->flows->count + 1};
        uint32_t low[FLOW_WAYS] = {0}, all[FLOW_WAYS] = {0};

        read_off(court, c, explained, values, low, all);
        for (int way = 0; way < FLOW_WAYS; way++) {
            out->level[way] = 0;
            if (!low[way] || low[way] * 2 < all[way])
                continue;
            out->level[way] = stats_median(values[way], all[way]);
            if (out->level[way] > -fmax(court->need, far * court->noise / sqrt(all[way])))
                out->level[way] = 0;
            slow |= out->level[way] < 0;
        }
        if (all[WAY_OUT] + all[WAY_IN])
            break;
    }
    return slow;
}

static struct judged judge(struct court *court, const struct candidate *c)
{
    struct judged out = {.score = -INFINITY};
    double odds;

    if (!fit_levels(court, c, &out))
        return out;
    for (uint32_t n = 0; n < c->count; n++) {
        const struct flows *flows = court->flows;

        for (uint32_t i = flows->start[c->nodes[n]]; i < flows->start[c->nodes[n] + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];
            enum flow_way way;
            double gain;

            if (!covers(court, c, flow, c->nodes[n], &way) || out.level[way] == 0)
                continue;
            gain = court_gain(court, flow, out.level[way]);
            out.gain[way] += gain;
            if (gain != 0)
                *(gain > 0 ? &out.slow : &out.fast) += 1;
        }
    }
    for (int way = 0; way < FLOW_WAYS; way++)
        if (out.gain[way] <= 0)
            out.gain[way] = out.level[way] = 0;
    if (c->is_group)
        odds = c->cross ? ODDS_GROUP : ODDS_WHOLE;
    else if (!c->cross && out.level[WAY_OUT] < 0 && out.level[WAY_IN] < 0)
        odds = ODDS_NODE;
    else if (flows_are_noisy(court->flows))
        odds = ODDS_PART_NOISY;
    else
        odds = c->cross ? ODDS_TO : ODDS_WAY;
    if (out.gain[WAY_OUT] + out.gain[WAY_IN] > 0)
        out.score = out.gain[WAY_OUT] + out.gain[WAY_IN] + odds;
    return out;
}

static int list(struct court *court, const struct candidate *c, const struct judged *judged)
{
    struct listed listed = {*c, *judged, false};

    return court_list(court, &listed, sizeof(listed));
}

/* Candidates of one node: as a whole and, where its group is known and it was seen inside, towards
 * the outside alone. Flows get explained and never the other way, so a node that is not slow at
 * first is not slow later. */
static int node_candidates(struct court *court)
{
    const struct flows *flows = court->flows;

    for (uint32_t n = 0; n < flows->node_count; n++)
        for (int cross = 0; cross < 2; cross++) {
            struct candidate c = {&court->self[n], 1, court->set_of[n], cross, false};
            struct judged judged;

            if (flows->start[n] == flows->start[n + 1] || (cross && court->set_of[n] == GROUP_NONE))
                continue;
            judged = judge(court, &c);
            if (isfinite(judged.score) && list(court, &c, &judged) < 0)
                return -ENOMEM;
        }
    return 0;
}

/* The ways between two groups are those of both: the smaller is named. */
static bool is_larger_of_two(const struct court *court, uint32_t g)
{
    return court->flows->group_count == 2 && court->sets[g].count > court->sets[!g].count &&
           court->sets[!g].count > 1;
}

static int group_candidates(struct court *court)
{
    for (uint32_t g = 0; g < court->set_count; g++)
        for (int cross = 0; cross < 2; cross++) {
            struct candidate c = {court->sets[g].nodes, court->sets[g].count, g, cross, true};
            struct judged judged;

            if (c.count < 2 || (cross && is_larger_of_two(court, g)))
                continue;
            judged = judge(court, &c);
            if (isfinite(judged.score) && list(court, &c, &judged) < 0)
                return -ENOMEM;
        }
    return 0;
}

/* What else could account for what `c` accounts for: its few slow partners, each by itself. */
static double rival(struct court *court, const struct candidate *c, const struct judged *own,
                    uint32_t *partner, uint32_t *partner_count)
{
    uint32_t partners[3], count = 0;
    double score = 0;

    for (uint32_t i = court->flows->start[c->nodes[0]]; i < court->flows->start[c->nodes[0] + 1];
         i++) {
        const struct flow *flow = &court->flows->items[court->flows->list[i]];
        uint32_t other = flow->from == c->nodes[0] ? flow->to : flow->from, k = 0;
        enum flow_way way;

        if (!covers(court, c, flow, c->nodes[0], &way) || own->level[way] == 0 ||
            court_gain(court, flow, own->level[way]) <= 0)
            continue;
        while (k < count && partners[k] != other)
            k++;
        if (k < count)
            continue;
        if (count == ARRAY_LEN(partners)) {
            *partner_count = UINT32_MAX; /* many */
            return -INFINITY;
        }
        partners[count++] = other;
    }
    *partner = count ? partners[0] : MEASURE_NOBODY;
    *partner_count = count;
    for (uint32_t k = 0; k < count; k++) {
        struct candidate of_partner = {&court->self[partners[k]], 1, GROUP_NONE, false, false};

        score += judge(court, &of_partner).score;
    }
    return count ? score : -INFINITY;
}

/* What is explained is no longer what others were judged by. */
static void touch(struct court *court, struct flow *flow, double level)
{
    flow->level = level;
    court->touched[flow->from] = court->touched[flow->to] = true;
}

static void refresh(struct court *court)
{
    struct listed *all = court->listed;

    for (uint32_t i = 0; i < court->listed_count; i++)
        for (uint32_t n = 0; n < all[i].candidate.count && !all[i].stale; n++)
            all[i].stale = court->touched[all[i].candidate.nodes[n]];
    memset(court->touched, 0, court->flows->node_count * sizeof(*court->touched));
}

static void explain(struct court *court, const struct candidate *c, const struct judged *judged)
{
    struct flows *flows = court->flows;

    for (uint32_t n = 0; n < c->count; n++)
        for (uint32_t i = flows->start[c->nodes[n]]; i < flows->start[c->nodes[n] + 1]; i++) {
            struct flow *flow = &flows->items[flows->list[i]];
            enum flow_way way;

            if (covers(court, c, flow, c->nodes[n], &way) && judged->level[way] < flow->level)
                touch(court, flow, judged->level[way]);
        }
}

/* Nodes with which `c` is surely fast, in a way in which it is slow with the rest. */
static uint32_t fast_partners(const struct court *court, const struct candidate *c,
                              const struct judged *judged)
{
    uint32_t count[FLOW_WAYS] = {0}, last[FLOW_WAYS] = {MEASURE_NOBODY, MEASURE_NOBODY};

    for (uint32_t i = court->flows->start[c->nodes[0]]; i < court->flows->start[c->nodes[0] + 1];
         i++) {
        const struct flow *flow = &court->flows->items[court->flows->list[i]];
        uint32_t other = flow->from == c->nodes[0] ? flow->to : flow->from;
        enum flow_way way;

        if (covers(court, c, flow, c->nodes[0], &way) && judged->level[way] < 0 &&
            other != last[way] && court_gain(court, flow, judged->level[way]) < GAIN_SURELY_FAST) {
            count[way]++;
            last[way] = other;
        }
    }
    return count[WAY_OUT] > count[WAY_IN] ? count[WAY_OUT] : count[WAY_IN];
}

static enum suspect_kind kind_of(const struct court *court, const struct candidate *c,
                                 const struct judged *judged)
{
    bool out = judged->level[WAY_OUT] < 0, in = judged->level[WAY_IN] < 0;

    if (c->is_group)
        return SUSPECT_GROUP;
    /* A node that is fast with some is not slow itself: what leads to it from the rest is. */
    if (c->cross || fast_partners(court, c, judged) >= 2)
        return SUSPECT_GROUP_PART;
    if (out == in)
        return SUSPECT_NODE;
    /* Measured in one direction only: nothing says that the other is well. */
    for (uint32_t i = court->flows->start[c->nodes[0]]; i < court->flows->start[c->nodes[0] + 1];
         i++) {
        const struct flow *flow = &court->flows->items[court->flows->list[i]];

        if ((flow->from == c->nodes[0]) == in && flow->x > flow->level - court->need)
            return out ? SUSPECT_SENDING : SUSPECT_RECEIVING;
    }
    return SUSPECT_NODE;
}

/* Two nodes, either of which accounts for what is slow between them. */
static int name_one_of(struct court *court, const struct candidate *c, const struct judged *judged,
                       uint32_t partner)
{
    struct accused *accused = court_name(court);
    uint32_t *nodes = arena_alloc(court->arena, 2 * sizeof(*nodes));
    struct flows *flows = court->flows;

    if (!accused || !nodes)
        return -ENOMEM;
    nodes[0] = c->nodes[0] < partner ? c->nodes[0] : partner;
    nodes[1] = c->nodes[0] < partner ? partner : c->nodes[0];
    *accused = (struct accused){.kind = SUSPECT_ONE_OF,
                                .nodes = nodes,
                                .node_count = 2,
                                .group = GROUP_NONE,
                                .margin = 0,
                                .slow = judged->slow,
                                .fast = judged->fast,
                                .partners = 1,
                                .decide = {MEASURE_NOBODY, MEASURE_NOBODY}};
    for (uint32_t i = flows->start[nodes[0]]; i < flows->start[nodes[0] + 1]; i++) {
        struct flow *flow = &flows->items[flows->list[i]];
        enum flow_way way = flow->from == nodes[0] ? WAY_OUT : WAY_IN;

        if ((flow->from == nodes[1] || flow->to == nodes[1]) && flow->x < -court->need) {
            touch(court, flow, flow->x);
            if (flow->x < accused->level[way])
                accused->level[way] = flow->x;
        }
    }
    return 0;
}

static int name(struct court *court, const struct candidate *c, const struct judged *judged,
                double margin)
{
    struct accused *accused = court_name(court);

    if (!accused)
        return -ENOMEM;
    *accused = (struct accused){
        .kind = kind_of(court, c, judged),
        .nodes = c->nodes,
        .node_count = c->count,
        .group = c->is_group || c->cross ? c->set : GROUP_NONE,
        .level = {judged->level[WAY_OUT], judged->level[WAY_IN]},
        .margin = margin,
        .slow = judged->slow,
        .fast = judged->fast,
        .decide = {MEASURE_NOBODY, MEASURE_NOBODY},
        .whole = c->is_group && !c->cross,
    };
    explain(court, c, judged);
    return 0;
}

/* The next best explanation of the same nodes: the node instead of the ways to it and the like. */
static double other_view(struct court *court, const struct candidate *c)
{
    struct candidate other = *c;

    if (court->set_of[c->nodes[0]] == GROUP_NONE)
        return -INFINITY;
    other.cross = !c->cross;
    return judge(court, &other).score;
}

/* One step: the best candidate is named. 1: named; 0: nothing is left; or -ENOMEM. */
static int step(struct court *court)
{
    struct listed *all = court->listed;
    const struct candidate *best = NULL;
    struct judged of_best = {.score = -INFINITY};
    uint32_t partner = MEASURE_NOBODY, partners = 0;
    double margin;

    refresh(court);
    for (uint32_t i = 0; i < court->listed_count; i++) {
        if (all[i].stale)
            all[i].judged = judge(court, &all[i].candidate);
        all[i].stale = false;
        if (all[i].judged.score > of_best.score) {
            best = &all[i].candidate;
            of_best = all[i].judged;
        }
    }
    if (!best || of_best.score < 1)
        return 0;
    margin = of_best.score;
    if (!best->is_group) {
        double against = rival(court, best, &of_best, &partner, &partners);

        if (partners == 1 && against > of_best.score - 1)
            return name_one_of(court, best, &of_best, partner) < 0 ? -ENOMEM : 1;
        margin = fmin(margin, of_best.score - fmax(against, 0));
    }
    margin = fmin(margin, of_best.score - fmax(other_view(court, best), 0));
    if (margin <= 0)
        margin = 0.1;
    if (of_best.score < MARGIN_NAMED)
        return 0;
    return name(court, best, &of_best, margin) < 0 ? -ENOMEM : 1;
}

int court_nodes_and_groups(struct court *court)
{
    int r;

    court->listed_count = 0;
    if (node_candidates(court) < 0)
        return -ENOMEM;
    if (group_candidates(court) < 0)
        return -ENOMEM;
    do
        r = step(court);
    while (r > 0);
    return r;
}
