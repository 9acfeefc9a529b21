#include "fabric/candidate.h"

#include "base/stats.h"

#include <math.h>

/* What is expected before anything is measured, as log odds: of a hundred nodes one is slow (as
 * SuperBench and others saw, up to ten); of the rest less. */
#define ODDS_NODE       (-4.6)
#define ODDS_WAY        (-5.3) /* one direction of a node */
#define ODDS_GROUP      (-5.0)
#define ODDS_WHOLE      (-6.0)
#define ODDS_BETWEEN    (-7.0)
#define ODDS_TO         (-6.5)  /* ways to a node from outside its group */
#define ODDS_PART_NOISY (-12.0) /* either, where few flows and much noise look like it */

#define FAR       6.0 /* standard deviations of a mean, 5 of a median */
#define FAR_NOISY 2.5 /* where noise is taken for rather too large */

/* What joins two groups is all that goes between them, and nothing else: with more that is fast, or
 * more that is slow to others, it is a node's or a cable's that a group's ways share. */
#define FAST_SHARE 0.1
#define ELSEWHERE  0.2

bool candidate_covers(const struct court *court, const struct candidate *c, const struct flow *flow,
                      uint32_t node, enum flow_way *way)
{
    uint32_t other = flow->from == node ? flow->to : flow->from;

    *way = flow->from == node ? WAY_OUT : WAY_IN;
    if (court->phase >= 0 && flow->phase != court->phase)
        return false;
    if (!c->is_group)
        return !c->cross || court->set_of[other] != c->set;
    if (c->other != GROUP_NONE)
        return court->set_of[other] == c->other;
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

            if (!candidate_covers(court, c, flow, c->nodes[n], &way) ||
                (flow->level != 0) != explained)
                continue;
            values[way][all[way]++] = flow->x;
            low[way] += flow->x < flow->level - court->need;
        }
}

/* The level of each way, from what nothing explains yet; when all of it is explained, from that: a
 * slow node of a slow leaf is slower still. False: neither is slow. */
static bool fit_levels(struct court *court, const struct candidate *c, struct judged *out)
{
    double far = court->flows->noisy ? FAR_NOISY : FAR;
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

/* Two of them at either end of the slow flows: what one node does is not what joins the groups. */
struct ends {
    uint32_t first[2];
    bool two[2];
};

static void meet(struct ends *ends, int end, uint32_t node)
{
    ends->two[end] |= ends->first[end] != MEASURE_NOBODY && ends->first[end] != node;
    ends->first[end] = node;
}

static bool is_slow_elsewhere(const struct court *court, const struct candidate *c)
{
    const struct flows *flows = court->flows;
    const uint32_t sets[2] = {c->set, c->other};

    for (int k = 0; k < 2; k++) {
        const struct court_set *set = &court->sets[sets[k]];
        uint32_t low = 0, all = 0;

        for (uint32_t n = 0; n < set->count; n++)
            for (uint32_t i = flows->start[set->nodes[n]]; i < flows->start[set->nodes[n] + 1];
                 i++) {
                const struct flow *flow = &flows->items[flows->list[i]];
                uint32_t there = court->set_of[flow->from == set->nodes[n] ? flow->to : flow->from];

                if (there == sets[k] || there == sets[!k] || flow->level != 0 ||
                    (court->phase >= 0 && flow->phase != court->phase))
                    continue;
                all++;
                low += flow->x < -court->need;
            }
        if (low > ELSEWHERE * all)
            return true;
    }
    return false;
}

static bool is_join(const struct court *court, const struct candidate *c,
                    const struct judged *judged, const struct ends *ends)
{
    return judged->slow >= CANDIDATE_FLOWS && judged->fast <= FAST_SHARE * judged->slow &&
           ends->two[0] && ends->two[1] && !is_slow_elsewhere(court, c);
}

static double odds_of(const struct court *court, const struct candidate *c,
                      const struct judged *judged)
{
    if (c->is_group && c->other != GROUP_NONE)
        return ODDS_BETWEEN;
    if (c->is_group)
        return c->cross ? ODDS_GROUP : ODDS_WHOLE;
    if (!c->cross && judged->level[WAY_OUT] < 0 && judged->level[WAY_IN] < 0)
        return ODDS_NODE;
    if (court->flows->noisy)
        return ODDS_PART_NOISY;
    return c->cross ? ODDS_TO : ODDS_WAY;
}

/* What each flow gains or loses when it is explained so. */
static void add_up(const struct court *court, const struct candidate *c, struct judged *out,
                   struct ends *ends)
{
    const struct flows *flows = court->flows;

    for (uint32_t n = 0; n < c->count; n++)
        for (uint32_t i = flows->start[c->nodes[n]]; i < flows->start[c->nodes[n] + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];
            enum flow_way way;
            double gain;

            if (!candidate_covers(court, c, flow, c->nodes[n], &way) || out->level[way] == 0)
                continue;
            gain = court_gain(court, flow, out->level[way]);
            out->gain[way] += gain;
            if (gain != 0)
                *(gain > 0 ? &out->slow : &out->fast) += 1;
            if (gain > 0) {
                meet(ends, 0, c->nodes[n]);
                meet(ends, 1, flow->from == c->nodes[n] ? flow->to : flow->from);
            }
        }
}

struct judged candidate_judge(struct court *court, const struct candidate *c)
{
    struct judged out = {.score = -INFINITY};
    struct ends ends = {.first = {MEASURE_NOBODY, MEASURE_NOBODY}};

    if (!fit_levels(court, c, &out))
        return out;
    add_up(court, c, &out, &ends);
    if (c->other != GROUP_NONE && !is_join(court, c, &out, &ends))
        return out;
    for (int way = 0; way < FLOW_WAYS; way++)
        if (out.gain[way] <= 0)
            out.gain[way] = out.level[way] = 0;
    if (out.gain[WAY_OUT] + out.gain[WAY_IN] > 0)
        out.score = out.gain[WAY_OUT] + out.gain[WAY_IN] + odds_of(court, c, &out);
    return out;
}
