#include "fabric/odd_node.h"

#include "base/stats.h"

#include <math.h>

#define ODDS        8.0 /* natural logarithm: by so much more likely all is without it ... */
#define FAR         2.0 /* ... and by so many standard deviations of one flow it lies below */
#define NOISE_LEAST 0.03
#define HICCUP_WIDE 3.0 /* as in court.c */
#define REST_LEAST  6   /* flows of the others, in each kind */

static bool touches(const struct flow *flow, uint32_t node)
{
    return flow->from == node || flow->to == node;
}

/* The median of one kind without the flows of `node`. False: too few are left. */
static bool centre_rest(const struct flows *flows, uint32_t node, int phase, int relation,
                        double *room, double *out)
{
    uint32_t rest = 0, all = 0;

    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (flow->phase != phase || flow->relation != relation)
            continue;
        all++;
        if (!touches(flow, node))
            room[rest++] = flow->x;
    }
    *out = rest ? stats_median(room, rest) : 0;
    return !all || rest >= REST_LEAST;
}

static double beside_typical(const struct odd_node *odd, const struct flow *flow)
{
    return flow->x - odd->typical[flow->phase][flow->relation];
}

/* All flows when those of `node` run at a level of their own; MEASURE_NOBODY: all are alike. */
static bool fit(const struct flows *flows, uint32_t node, double *room, struct odd_node *out)
{
    uint32_t own = 0;

    *out = (struct odd_node){.node = node};
    for (int p = 0; p < PAIR_PHASES; p++)
        for (int k = 0; k < FLOW_RELATIONS; k++)
            if (!centre_rest(flows, node, p, k, room, &out->typical[p][k]))
                return false;
    for (uint32_t i = 0; i < flows->count; i++)
        if (touches(&flows->items[i], node))
            room[own++] = beside_typical(out, &flows->items[i]);
    out->level = own ? stats_median(room, own) : 0;
    for (uint32_t i = 0; i < flows->count; i++)
        room[i] = fabs(beside_typical(out, &flows->items[i]) -
                       (touches(&flows->items[i], node) ? out->level : 0));
    out->noise = STATS_MAD_TO_SIGMA * stats_median(room, flows->count);
    out->noise = fmax(NOISE_LEAST, out->noise * (1 + 4.0 / (flows->count + 1)));
    return true;
}

/* The logarithm of how likely all flows are. */
static double likelihood(const struct flows *flows, const struct odd_node *odd)
{
    double sum = 0;

    for (uint32_t i = 0; i < flows->count; i++) {
        double level = touches(&flows->items[i], odd->node) ? odd->level : 0;
        double z = (beside_typical(odd, &flows->items[i]) - level) / odd->noise;

        sum += log((1 - flows->hiccup) * exp(-z * z / 2) / (odd->noise * 2.5066282746310002) +
                   flows->hiccup / HICCUP_WIDE);
    }
    return sum;
}

bool odd_node_find(const struct flows *flows, double *room, struct odd_node *out)
{
    struct odd_node odd;
    double all, best;

    for (uint32_t i = 0; i < flows->count; i++)
        if (flows->items[i].level != 0)
            return false;
    if (!fit(flows, MEASURE_NOBODY, room, &odd))
        return false;
    best = all = likelihood(flows, &odd);
    *out = odd;
    for (uint32_t n = 0; n < flows->node_count; n++) {
        double likely;

        if (!fit(flows, n, room, &odd) || odd.level > -FAR * odd.noise)
            continue;
        likely = likelihood(flows, &odd);
        if (likely > best) {
            best = likely;
            *out = odd;
        }
    }
    return best > all + ODDS;
}
