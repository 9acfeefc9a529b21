#include "fabric/candidate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define GAIN_SURELY_FAST (-3.0) /* of a flow: speaks against its being slow by twenty to one */

/* A candidate on the list: what was judged holds until flows of its nodes are explained. */
struct listed {
    struct candidate candidate;
    struct judged judged;
    bool stale;
};

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
            struct candidate c = {&court->self[n], 1, court->set_of[n], GROUP_NONE, cross, false};
            struct judged judged;

            if (flows->start[n] == flows->start[n + 1] || (cross && court->set_of[n] == GROUP_NONE))
                continue;
            judged = candidate_judge(court, &c);
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
            struct candidate c = {
                court->sets[g].nodes, court->sets[g].count, g, GROUP_NONE, cross, true};
            struct judged judged;

            if (c.count < 2 || (cross && is_larger_of_two(court, g)))
                continue;
            judged = candidate_judge(court, &c);
            if (isfinite(judged.score) && list(court, &c, &judged) < 0)
                return -ENOMEM;
        }
    return 0;
}

struct join { /* a slow flow between two groups, the first of which has the lower number */
    uint32_t a, b;
};

static int by_groups(const void *x, const void *y)
{
    const struct join *a = x, *b = y;

    return a->a != b->a ? (a->a < b->a ? -1 : 1) : a->b < b->b ? -1 : a->b > b->b;
}

/* Slow flows between given groups, of three at least: of two, one of them is named. */
static uint32_t find_joins(const struct court *court, struct join *out)
{
    const struct flows *flows = court->flows;
    uint32_t count = 0;

    for (uint32_t i = 0; i < flows->count && flows->group_count > 2; i++) {
        const struct flow *flow = &flows->items[i];
        uint32_t a = flows->group[flow->from], b = flows->group[flow->to];

        if (a != b && a != GROUP_NONE && b != GROUP_NONE &&
            (court->phase < 0 || flow->phase == court->phase) &&
            flow->x < flow->level - court->need)
            out[count++] = a < b ? (struct join){a, b} : (struct join){b, a};
    }
    if (count)
        qsort(out, count, sizeof(*out), by_groups);
    return count;
}

/* What joins two groups. It may stand out only when slow nodes of both are explained, so it is
 * listed whatever it is judged by now. */
static int join_candidates(struct court *court)
{
    struct join *joins = malloc(((size_t)court->flows->count + 1) * sizeof(*joins));
    uint32_t count = joins ? find_joins(court, joins) : 0;
    int r = joins ? 0 : -ENOMEM;

    for (uint32_t i = 0, end; i < count && r == 0; i = end) {
        const struct court_set *set = &court->sets[joins[i].a];
        struct candidate c = {set->nodes, set->count, joins[i].a, joins[i].b, true, true};
        struct judged judged;

        for (end = i + 1; end < count && by_groups(&joins[i], &joins[end]) == 0; end++)
            ;
        if (end - i < CANDIDATE_FLOWS)
            continue;
        judged = candidate_judge(court, &c);
        r = list(court, &c, &judged);
    }
    free(joins);
    return r;
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

        if (!candidate_covers(court, c, flow, c->nodes[0], &way) || own->level[way] == 0 ||
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
        struct candidate of_partner = {
            &court->self[partners[k]], 1, GROUP_NONE, GROUP_NONE, false, false};

        score += candidate_judge(court, &of_partner).score;
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

            if (candidate_covers(court, c, flow, c->nodes[n], &way) &&
                judged->level[way] < flow->level)
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

        if (candidate_covers(court, c, flow, c->nodes[0], &way) && judged->level[way] < 0 &&
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
        return c->other != GROUP_NONE ? SUSPECT_BETWEEN : SUSPECT_GROUP;
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

/* Of two groups: the nodes of the one, then those of the other. False: no memory. */
static bool nodes_of(struct court *court, const struct candidate *c, const uint32_t **nodes,
                     uint32_t *count)
{
    const struct court_set *there;
    uint32_t *both;

    *nodes = c->nodes;
    *count = c->count;
    if (c->other == GROUP_NONE)
        return true;
    there = &court->sets[c->other];
    *count += there->count;
    *nodes = both = arena_alloc(court->arena, *count * sizeof(*both));
    if (!both)
        return false;
    memcpy(both, c->nodes, c->count * sizeof(*both));
    memcpy(both + c->count, there->nodes, there->count * sizeof(*both));
    return true;
}

static int name(struct court *court, const struct candidate *c, const struct judged *judged,
                double margin)
{
    struct accused *accused = court_name(court);
    const uint32_t *nodes;
    uint32_t count;

    if (!accused || !nodes_of(court, c, &nodes, &count))
        return -ENOMEM;
    *accused = (struct accused){
        .kind = kind_of(court, c, judged),
        .nodes = nodes,
        .node_count = count,
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

/* The next best explanation of the same nodes: the node instead of the ways to it, one of two
 * groups instead of what joins them, and the like. */
static double other_view(struct court *court, const struct candidate *c)
{
    struct candidate other = *c;

    if (c->other != GROUP_NONE) {
        const struct court_set *set = &court->sets[c->other];
        struct candidate there = {set->nodes, set->count, c->other, GROUP_NONE, true, true};

        other.other = GROUP_NONE;
        return fmax(candidate_judge(court, &other).score, candidate_judge(court, &there).score);
    }
    if (court->set_of[c->nodes[0]] == GROUP_NONE)
        return -INFINITY;
    other.cross = !c->cross;
    return candidate_judge(court, &other).score;
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
            all[i].judged = candidate_judge(court, &all[i].candidate);
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
    if (group_candidates(court) < 0 || join_candidates(court) < 0)
        return -ENOMEM;
    do
        r = step(court);
    while (r > 0);
    return r;
}
