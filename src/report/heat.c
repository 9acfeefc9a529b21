#include "report/heat.h"

#include "base/hostlist.h"
#include "base/stats.h"
#include "fabric/flows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SIZES_MAX   64  /* of messages that are told apart */
#define MARK_SIGMAS 4.0 /* as where numbers of nodes are compared */

static bool is_meant(const struct heat *heat, const struct measure *measure)
{
    return measure->metric == heat->metric && measure->phase == heat->phase && measure->value > 0 &&
           isfinite(measure->value);
}

/* The size of which there are most measures; of equals the largest. */
static uint64_t choose_size(const struct heat *heat, const struct fabric_result *result)
{
    struct {
        uint64_t bytes;
        uint32_t count;
    } sizes[SIZES_MAX];
    size_t known = 0, best = 0;

    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *measure = &result->measures.items[i];
        size_t at = 0;

        if (!is_meant(heat, measure))
            continue;
        while (at < known && sizes[at].bytes != measure->bytes)
            at++;
        if (at == SIZES_MAX)
            continue;
        if (at == known) {
            sizes[known].bytes = measure->bytes;
            sizes[known++].count = 0;
        }
        sizes[at].count++;
    }
    for (size_t i = 1; i < known; i++)
        if (sizes[i].count > sizes[best].count ||
            (sizes[i].count == sizes[best].count && sizes[i].bytes > sizes[best].bytes))
            best = i;
    return known ? sizes[best].bytes : 0;
}

struct place {
    uint32_t first; /* node of its group; in no group: itself */
    uint32_t node;
};

/* Groups in the order of their first nodes, so that leaf10 does not come before leaf2. */
static int by_group(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static int find_places(struct arena *arena, const struct fabric_result *result, uint32_t nodes,
                       struct place *out)
{
    uint32_t *group, groups, *first;

    if (flows_groups(arena, result, &group, &groups) < 0)
        return -ENOMEM;
    first = arena_alloc(arena, ((size_t)groups + 1) * sizeof(*first));
    if (!first)
        return -ENOMEM;
    for (uint32_t n = nodes; n-- > 0;)
        if (group[n] != GROUP_NONE)
            first[group[n]] = n;
    for (uint32_t n = 0; n < nodes; n++)
        out[n] = (struct place){group[n] == GROUP_NONE ? n : first[group[n]], n};
    return 0;
}

static int order_nodes(struct arena *arena, const struct fabric_result *result, struct heat *heat,
                       uint32_t **place_of)
{
    struct place *places = arena_alloc(arena, (heat->nodes + 1) * sizeof(*places));
    uint32_t *order = arena_alloc(arena, (heat->nodes + 1) * sizeof(*order));

    *place_of = arena_alloc(arena, (heat->nodes + 1) * sizeof(**place_of));
    if (!places || !order || !*place_of)
        return -ENOMEM;
    if (find_places(arena, result, heat->nodes, places) < 0)
        return -ENOMEM;
    qsort(places, heat->nodes, sizeof(*places), by_group);
    for (uint32_t p = 0; p < heat->nodes; p++) {
        order[p] = places[p].node;
        (*place_of)[order[p]] = p;
    }
    heat->order = order;
    return 0;
}

/* ---- which rows and columns are marked ---- */

/* Kinds that say of each of their nodes that it is slow with most others. */
static const bool names_nodes[SUSPECT_KIND_COUNT] = {
    [SUSPECT_NODE] = true,       [SUSPECT_SENDING] = true, [SUSPECT_RECEIVING] = true,
    [SUSPECT_GROUP] = true,      [SUSPECT_ONE_OF] = true,  [SUSPECT_CORE] = true,
    [SUSPECT_GROUP_PART] = true,
};

/* By place: named by a number of pairs, and not as one of all nodes. */
static bool *find_named(struct arena *arena, const struct heat *heat,
                        const struct findings_of_fabric *findings, const uint32_t *place_of)
{
    bool *named = arena_alloc(arena, heat->nodes + 1);

    for (uint32_t i = 0; named && i < findings->suspect_count; i++) {
        const struct suspect *suspect = &findings->suspects[i];

        if (!names_nodes[suspect->kind] || !suspect->metric || !suspect->metric->of_pair ||
            suspect->node_count == heat->nodes)
            continue;
        for (uint32_t k = 0; k < suspect->node_count; k++)
            named[place_of[suspect->nodes[k]]] = true;
    }
    return named;
}

/* How far the logarithm of one share lies from the typical one, as a standard deviation. */
static double scatter_of(struct arena *arena, const double *shares, size_t count)
{
    double *off = arena_alloc(arena, (count + 1) * sizeof(*off));

    for (size_t i = 0; off && i < count; i++)
        off[i] = fabs(log(shares[i]));
    return off ? STATS_MAD_TO_SIGMA * (1 + 4.0 / ((double)count + 1)) * stats_median(off, count)
               : INFINITY;
}

/* Shares of one place's measures lie together: begin[p] up to begin[p + 1]. */
static int mark(struct arena *arena, uint32_t places, const uint32_t *place, const double *shares,
                size_t count, const bool *named, double scatter, bool *out)
{
    size_t *begin = arena_alloc(arena, (places + 2) * sizeof(*begin));
    double *sorted = arena_alloc(arena, (count + 1) * sizeof(*sorted));

    if (!begin || !sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        begin[place[i] + 1]++;
    for (uint32_t p = 0; p < places; p++)
        begin[p + 1] += begin[p];
    for (size_t i = count; i-- > 0;) /* fills each from its end, and leaves begin where it ended */
        sorted[--begin[place[i] + 1]] = shares[i];
    for (uint32_t p = 0; p < places; p++) { /* begin[p + 1] is now where p begins */
        size_t end = p + 1 < places ? begin[p + 2] : count, own = end - begin[p + 1];
        double median = stats_median(sorted + begin[p + 1], own);
        double far = MARK_SIGMAS * STATS_MEDIAN_SPREAD * scatter / sqrt((double)own);

        out[p] = own && median < HEAT_WELL && (named[p] || log(median) < -far);
    }
    return 0;
}

/* ---- cells ---- */

static void fill_cell(struct heat *heat, uint32_t row, uint32_t column, uint32_t from, uint32_t to,
                      double share)
{
    struct heat_cell *cell = &heat->cells[(size_t)row * heat->side + column];

    if (!cell->measures++ || share < (double)cell->worst) {
        cell->worst = (float)share;
        cell->from = from;
        cell->to = to;
    }
}

static int fill(struct arena *arena, const struct fabric_result *result,
                const struct findings_of_fabric *findings, const uint32_t *place_of,
                const size_t *which, struct heat *heat)
{
    size_t count = heat->measures;
    uint32_t *from = arena_alloc(arena, (count + 1) * sizeof(*from));
    uint32_t *to = arena_alloc(arena, (count + 1) * sizeof(*to));
    double *shares = arena_alloc(arena, (count + 1) * sizeof(*shares));

    bool *named = find_named(arena, heat, findings, place_of);
    size_t well = 0;
    double scatter;

    if (!from || !to || !shares || !named)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct measure *measure = &result->measures.items[which[i]];

        from[i] = place_of[measure->node];
        to[i] = place_of[measure->peer];
        if (!named[from[i]] && !named[to[i]])
            shares[well++] = measure->value;
    }
    for (size_t i = 0; i < count && !well; i++)
        shares[i] = result->measures.items[which[i]].value;
    heat->typical = stats_median(shares, well ? well : count);
    for (size_t i = 0; i < count; i++) {
        const struct measure *measure = &result->measures.items[which[i]];

        shares[i] = heat->metric->lower_is_better ? heat->typical / measure->value
                                                  : measure->value / heat->typical;
        fill_cell(heat, from[i] / heat->fold, to[i] / heat->fold, measure->node, measure->peer,
                  shares[i]);
    }
    scatter = flows_judge(heat->metric) ? INFINITY : scatter_of(arena, shares, count);
    if (mark(arena, heat->nodes, from, shares, count, named, scatter, heat->sends_slowly) < 0)
        return -ENOMEM;
    return mark(arena, heat->nodes, to, shares, count, named, scatter, heat->receives_slowly);
}

int heat_make(struct arena *arena, const struct fabric_result *result,
              const struct findings_of_fabric *findings, const struct metric *metric,
              enum phase phase, uint32_t side_max, struct heat *out)
{
    struct heat heat = {
        .metric = metric, .phase = phase, .nodes = (uint32_t)result->nodes.count, .typical = NAN};
    size_t *which = arena_alloc(arena, (result->measures.count + 1) * sizeof(*which));
    uint32_t *place_of;

    if (!which)
        return -ENOMEM;
    heat.bytes = choose_size(&heat, result);
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *measure = &result->measures.items[i];

        if (is_meant(&heat, measure) && measure->bytes == heat.bytes && measure->peer < heat.nodes)
            which[heat.measures++] = i;
    }
    if (!heat.measures)
        return 0;
    heat.fold = (heat.nodes + side_max - 1) / side_max;
    heat.side = (heat.nodes + heat.fold - 1) / heat.fold;
    heat.cells = arena_alloc(arena, (size_t)heat.side * heat.side * sizeof(*heat.cells));
    heat.sends_slowly = arena_alloc(arena, heat.nodes * sizeof(*heat.sends_slowly));
    heat.receives_slowly = arena_alloc(arena, heat.nodes * sizeof(*heat.receives_slowly));
    if (!heat.cells || !heat.sends_slowly || !heat.receives_slowly)
        return -ENOMEM;
    for (size_t i = 0; i < (size_t)heat.side * heat.side; i++)
        heat.cells[i].worst = NAN;
    if (order_nodes(arena, result, &heat, &place_of) < 0 ||
        fill(arena, result, findings, place_of, which, &heat) < 0)
        return -ENOMEM;
    *out = heat;
    return 1;
}

int heat_step(double share)
{
    int step = (int)(share * 10);

    return share >= HEAT_WELL ? 9 : step < 0 ? 0 : step;
}

const char *heat_label(struct arena *arena, const struct heat *heat,
                       const struct fabric_result *result, uint32_t cell)
{
    uint32_t first = cell * heat->fold, count = heat->nodes - first;
    const char **names;

    count = count < heat->fold ? count : heat->fold;
    if (count == 1)
        return result->nodes.items[heat->order[first]].name;
    names = arena_alloc(arena, count * sizeof(*names));
    for (uint32_t i = 0; names && i < count; i++)
        names[i] = result->nodes.items[heat->order[first + i]].name;
    return names ? hostlist_fold(arena, names, count) : NULL;
}

uint32_t heat_slow(const struct heat *heat, uint32_t cell, bool receiving, uint32_t *nodes,
                   uint32_t max)
{
    const bool *marked = receiving ? heat->receives_slowly : heat->sends_slowly;
    uint32_t count = 0;

    for (uint32_t p = cell * heat->fold; p < (cell + 1) * heat->fold && p < heat->nodes; p++)
        if (marked[p]) {
            if (count < max)
                nodes[count] = heat->order[p];
            count++;
        }
    return count;
}
