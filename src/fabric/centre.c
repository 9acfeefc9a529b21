#include "fabric/flows.h"

#include "base/stats.h"
#include "fabric/odd_node.h"

#include <errno.h>
#include <math.h>

/* What is typical of flows and how far they scatter round it, however many of them are slow. */

#define FEW            20   /* below so many flows their spread tells little ... */
#define NOISE_FEW      0.03 /* ... and is taken for at least this */
#define SAME_CENTRE    0.03 /* inside and across groups: one centre when they are that near */
#define BETWEEN_SIGMAS 6.0  /* of a mean, 5 of a median: centres surely differ by so much */
#define CENTRE_STEPS   8    /* of clipping; the estimate settles in 3 to 5 */
#define CLIP           3.0  /* standard deviations */
#define CLIP_SMALL     2.0
#define REPEATS_ROOM   1.2 /* what noise told by repeats may be off by */

/* Room for the numbers of a centre. */
struct centring {
    double *of_node, *caps, *spreads, *values;
};

/* A first guess that a few slow nodes don't move, nor many slow flows: a node's slow partners lower
 * a part of its flows, so its upper quartile is what it can do, and the median of nodes is what is
 * typical. Half of the nodes may be slow. */
static bool guess(const struct flows *flows, enum phase phase, enum flow_relation relation,
                  struct centring *room, struct flow_set *out)
{
    uint32_t nodes = 0;

    for (uint32_t n = 0; n < flows->node_count; n++) {
        uint32_t k = 0;

        for (uint32_t i = flows->start[n]; i < flows->start[n + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];

            if (flow->phase == phase && flow->relation == relation && flow->level == 0)
                room->of_node[k++] = flow->x;
        }
        if (!k)
            continue;
        stats_sort(room->of_node, k);
        room->caps[nodes] = room->of_node[k - 1 - k / 4];
        /* Of its upper half, from the middle to near the top. For normal noise that is 1.15
         * deviations; when half of its flows are slow, up to 2, which only begins the clipping. */
        room->spreads[nodes++] = room->of_node[k - 1 - k / 8] - room->of_node[k - 1 - (k - 1) / 2];
    }
    if (!nodes)
        return false;
    stats_sort(room->caps, nodes);
    out->typical = room->caps[nodes / 2];
    out->noise = stats_median(room->spreads, nodes) / 1.15;
    return true;
}

/* Clipped median and spread round the guess. */
static void settle(const struct flows *flows, enum phase phase, enum flow_relation relation,
                   struct centring *room, struct flow_set *set)
{
    double least = FLOW_NOISE_MIN, most = INFINITY, clip = CLIP;

    if (set->count < FEW)
        least = fmax(NOISE_FEW, flows->least);
    /* Of few nodes a slow one has half of the flows: what scatters more than repeats is no noise.
     */
    if (flows->noisy) {
        most = REPEATS_ROOM * fmax(least, flows->repeat);
        clip = CLIP_SMALL;
        set->noise = fmin(set->noise, most);
    }
    for (int step = 0; step < CENTRE_STEPS; step++) {
        double reach = clip * (set->noise > least ? set->noise : least);
        uint32_t k = 0;

        for (uint32_t i = 0; i < flows->count; i++) {
            const struct flow *flow = &flows->items[i];

            if (flow->phase == phase && flow->relation == relation && flow->level == 0 &&
                fabs(flow->x - set->typical) <= reach)
                room->values[k++] = flow->x;
        }
        if (!k)
            break;
        set->typical = stats_median(room->values, k);
        for (uint32_t i = 0; i < k; i++)
            room->values[i] = fabs(room->values[i] - set->typical);
        set->noise = STATS_MAD_TO_SIGMA * stats_median(room->values, k);
        /* Few values know their own spread badly, and mostly take it for too small. */
        set->noise = fmin(set->noise * (1 + 4.0 / (k + 1)), most);
    }
    if (set->noise < least)
        set->noise = least;
}

static void all_median(const struct flows *flows, enum phase phase, enum flow_relation relation,
                       struct centring *room, struct flow_set *set)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < flows->count; i++)
        if (flows->items[i].phase == phase && flows->items[i].relation == relation)
            room->values[k++] = flows->items[i].x;
    set->typical = stats_median(room->values, k);
}

/* Two groups of which one is smaller: what is slow between them is told of that one. */
static bool two_unlike(const struct flows *flows)
{
    uint32_t count[2] = {0};

    for (uint32_t n = 0; n < flows->node_count && flows->group_count == 2; n++)
        if (flows->group[n] != GROUP_NONE && flows->start[n] < flows->start[n + 1])
            count[flows->group[n]]++;
    return count[0] != count[1];
}

/* One centre for flows across and inside groups where they don't differ or one of them is too small
 * to say. Where they differ more than by a hop, and one group can be named, what is typical is what
 * is inside. */
static void reconcile(struct flows *flows, enum phase phase, struct flow_set *cross,
                      struct flow_set *inside)
{
    const struct flow_set *was = flows->sets[phase];
    struct flow_set *best = inside->count > cross->count ? inside : cross, *other;
    double between =
        cross->typical + was[FLOW_CROSS].typical - inside->typical - was[FLOW_INSIDE].typical;
    double noise = fmax(fmax(cross->noise, inside->noise), flows->repeat);
    double far = BETWEEN_SIGMAS * noise * sqrt(1.0 / cross->count + 1.0 / inside->count);

    far = fmax(far, FLOW_BETWEEN);
    if (cross->noise == 0 || inside->noise == 0) { /* all of it is explained */
        best = cross->noise == 0 ? inside : cross;
    } else if (between < -far && two_unlike(flows)) {
        best = inside;
    } else if (between < -far) {
        flows->between[phase] = between;
        return;
    } else if (cross->count >= FEW && inside->count >= FEW && fabs(between) >= SAME_CENTRE) {
        return;
    }
    other = best == inside ? cross : inside;
    other->typical = best->typical + was[best == inside].typical - was[best != inside].typical;
    other->noise = best->noise;
}

/* How far apart lies what nodes can do that are not slow: of the upper half, so that slow ones
 * don't widen it, by upper quartiles, so that slow partners don't. */
static double node_spread(const struct flows *flows, struct centring *room)
{
    uint32_t nodes = 0, upper;
    double middle;

    for (uint32_t n = 0; n < flows->node_count; n++) {
        uint32_t k = 0;

        for (uint32_t i = flows->start[n]; i < flows->start[n + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];

            if (flow->level == 0)
                room->of_node[k++] = flow->x;
        }
        if (!k)
            continue;
        stats_sort(room->of_node, k);
        room->caps[nodes++] = room->of_node[k - 1 - k / 4];
    }
    if (nodes < 4)
        return 0;
    stats_sort(room->caps, nodes);
    middle = room->caps[nodes / 2];
    upper = nodes - nodes / 2;
    for (uint32_t i = 0; i < upper; i++)
        room->caps[i] = room->caps[nodes / 2 + i] - middle;
    return STATS_MAD_TO_SIGMA * stats_median(room->caps, upper);
}

/* What is typical without one node, and what was taken for noise and was that node. */
static void leave_out(struct flows *flows, const struct odd_node *odd,
                      struct flow_set found[PAIR_PHASES][FLOW_RELATIONS])
{
    for (int p = 0; p < PAIR_PHASES; p++)
        for (int k = 0; k < FLOW_RELATIONS; k++)
            if (found[p][k].count) {
                found[p][k].typical = odd->typical[p][k];
                found[p][k].noise = odd->noise;
            }
    flows->repeat = fmin(flows->repeat, REPEATS_ROOM * odd->noise);
    flows->least = odd->noise;
}

int flows_centre(struct flows *flows, bool all)
{
    size_t most = (size_t)flows->count + 1, n = (size_t)flows->node_count + 1;
    struct centring room = {malloc(2 * most * sizeof(double)), malloc(n * sizeof(double)),
                            malloc(n * sizeof(double)), malloc(most * sizeof(double))};
    struct flow_set found[PAIR_PHASES][FLOW_RELATIONS] = {0};
    struct odd_node odd;
    int r = -ENOMEM;

    if (!room.of_node || !room.caps || !room.spreads || !room.values)
        goto out;
    for (uint32_t i = 0; i < flows->count; i++)
        found[flows->items[i].phase][flows->items[i].relation].count++;
    for (int p = 0; p < PAIR_PHASES; p++) {
        struct flow_set *cross = &found[p][FLOW_CROSS], *inside = &found[p][FLOW_INSIDE];

        for (int k = 0; k < FLOW_RELATIONS; k++) {
            struct flow_set *set = &found[p][k];

            if (!set->count || !guess(flows, p, k, &room, set))
                continue;
            if (all)
                all_median(flows, p, k, &room, set);
            settle(flows, p, k, &room, set);
        }
        flows->between[p] = 0; /* what an earlier look took for it may be explained by now */
        if (cross->count && inside->count)
            reconcile(flows, (enum phase)p, cross, inside);
    }
    if (flows->noisy && !all && odd_node_find(flows, room.values, &odd))
        leave_out(flows, &odd, found);
    for (uint32_t i = 0; i < flows->count; i++) {
        struct flow *flow = &flows->items[i];
        double typical = found[flow->phase][flow->relation].typical;

        flow->x -= typical;
        flow->best -= typical;
        flow->worst -= typical;
    }
    for (int p = 0; p < PAIR_PHASES; p++)
        for (int k = 0; k < FLOW_RELATIONS; k++) {
            found[p][k].typical += flows->sets[p][k].typical;
            flows->sets[p][k] = found[p][k];
        }
    flows->spread = node_spread(flows, &room);
    r = 0;
out:
    free(room.of_node);
    free(room.caps);
    free(room.spreads);
    free(room.values);
    return r;
}
