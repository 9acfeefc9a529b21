#include "fabric/against_links.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Everything is compared as logarithms of speeds. What two tests of the same nodes differ in when
 * nothing has changed is known from three sides: the intervals of both levels, the noise of a
 * single pair, and how much all the other nodes moved. The largest counts. The last one is the
 * honest one, since what repeats well within a test may differ between two; but of fewer than
 * SCATTER_FROM nodes the one that changed would itself be the scatter: there a change must be
 * large. */

#define FEW_LEAST      0.15
#define CHANCE         0.05 /* that anything at all is named when nothing has changed */
#define INTERVAL_WIDTH 3.92 /* standard deviations of a 95 % interval */
#define MAD_SHARE      0.37 /* of the values tell when the scatter is read off their MAD */

static int match_nodes(struct comparison *work, struct changes *out, struct err *err)
{
    struct map names = {0};
    size_t newer = work->newer->nodes.count, older = work->older->nodes.count;
    int r = 0;

    work->older_of = arena_alloc(work->arena, (newer + 1) * sizeof(*work->older_of));
    work->moved = arena_alloc(work->arena, newer + 1);
    if (!work->older_of || !work->moved)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < older; i++) {
        const char *name = work->older->nodes.items[i].name;
        uint64_t hash = hash64(name, strlen(name));

        if (!map_get(&names, hash, NULL))
            r = map_add(&names, hash, (void *)(i + 1));
    }
    for (size_t i = 0; r == 0 && i < newer; i++) {
        const char *name = work->newer->nodes.items[i].name;
        uint32_t found = (uint32_t)(uintptr_t)map_get(&names, hash64(name, strlen(name)), NULL);

        work->older_of[i] = found - 1; /* nobody's is MEASURE_NOBODY */
        out->nodes += found != 0;
    }
    map_done(&names);
    out->added = (uint32_t)newer - out->nodes;
    out->missing = (uint32_t)older - out->nodes;
    if (r == 0 && !out->nodes)
        r = err_set(err, -EINVAL, "the two tests have no node in common");
    return r;
}

static double interval_spread(const struct node_level *level)
{
    if (level->low > 0 && level->high > level->low && isfinite(level->high))
        return log(level->high / level->low) / INTERVAL_WIDTH;
    return 0;
}

/* What all nodes did together: the medians before and after. */
static int add_middle(struct comparison *work, uint32_t begin)
{
    uint32_t count = work->count - begin;
    double *before = arena_alloc(work->arena, (count + 1) * sizeof(*before));
    double *after = arena_alloc(work->arena, (count + 1) * sizeof(*after));
    struct change change = {.node = MEASURE_NOBODY, .peer = MEASURE_NOBODY};
    struct ground ground = work->grounds[begin];

    if (!before || !after)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        before[i] = work->changes[begin + i].before;
        after[i] = work->changes[begin + i].after;
        ground.spread = fmax(ground.spread, work->grounds[begin + i].spread);
    }
    change.metric = work->changes[begin].metric;
    change.before = stats_median(before, count);
    change.after = stats_median(after, count);
    comparison_add(work, change, ground.spread * STATS_MEDIAN_SPREAD / sqrt(count));
    work->grounds[work->count - 1].scatter = ground.scatter * STATS_MEDIAN_SPREAD / sqrt(count);
    work->grounds[work->count - 1].alike = count;
    return 0;
}

static const struct node_level **levels_by_node(struct comparison *work,
                                                const struct findings_of_fabric *findings,
                                                size_t nodes, const struct metric *metric)
{
    const struct node_level **by_node = arena_alloc(work->arena, (nodes + 1) * sizeof(*by_node));

    for (uint32_t i = 0; by_node && i < findings->level_count; i++)
        if (findings->levels[i].metric == metric)
            by_node[findings->levels[i].node] = &findings->levels[i];
    return by_node;
}

static int compare_metric(struct comparison *work, const struct metric *metric,
                          const struct findings_of_fabric *before,
                          const struct findings_of_fabric *after)
{
    const struct node_level **old = levels_by_node(work, before, work->older->nodes.count, metric);
    const struct node_level **new = levels_by_node(work, after, work->newer->nodes.count, metric);
    uint32_t begin = work->count;
    int r;

    if (!old || !new)
        return -ENOMEM;
    for (uint32_t n = 0; n < work->newer->nodes.count; n++) {
        const struct node_level *a =
            work->older_of[n] == MEASURE_NOBODY ? NULL : old[work->older_of[n]];

        if (!a || !new[n] || !comparison_is_possible(metric, a->value, new[n]->value))
            continue;
        comparison_add(work,
                       (struct change){.metric = metric,
                                       .node = n,
                                       .peer = MEASURE_NOBODY,
                                       .before = a->value,
                                       .after = new[n]->value},
                       hypot(interval_spread(a), interval_spread(new[n])));
    }
    if (work->count == begin)
        return 0;
    r = comparison_settle(work, begin);
    return r == 0 && work->count - begin >= SCATTER_FROM ? add_middle(work, begin) : r;
}

/* ---- which of them tell ---- */

/* How many standard deviations something must be off, to be beyond chance among `tries`: the normal
 * distribution's tail by its first term, which errs on the careful side. */
static double beyond_chance(uint32_t tries)
{
    double tail = CHANCE / (2.0 * (tries ? tries : 1)), z = 1;

    for (int i = 0; i < 60; i++) /* a fixed point: z grows with the logarithm of the tail */
        z = sqrt(fmax(1, -2 * log(tail * z * 2.5066)));
    return z;
}

/* The same when the standard deviation itself is a guess from `count` values: Student's
 * distribution by the first terms of its series. */
static double beyond_guess(double z, uint32_t count)
{
    double freedom = fmax(1, MAD_SHARE * (count - 1.0)), z2 = z * z;

    return z * (1 + (z2 + 1) / (4 * freedom) + ((5 * z2 + 16) * z2 + 3) / (96 * freedom * freedom));
}

static bool is_telling(const struct change *change, const struct ground *ground, double z,
                       double least)
{
    double off = fabs(log(change->ratio) - ground->middle);

    if (ground->alike < SCATTER_FROM)
        least = fmax(least, FEW_LEAST);
    return off > z * ground->spread && off > beyond_guess(z, ground->alike) * ground->scatter &&
           off >= least && fabs(change->ratio - 1) >= least;
}

static void judge_changes(struct comparison *work, uint32_t begin, double least)
{
    double z = beyond_chance(work->count - begin);

    for (uint32_t i = begin; i < work->count; i++) {
        struct change *change = &work->changes[i];

        change->telling = is_telling(change, &work->grounds[i], z, least);
        if (change->telling && change->node != MEASURE_NOBODY && change->metric->of_pair &&
            change->peer == MEASURE_NOBODY)
            work->moved[change->node] = true;
    }
}

static int slowest_first(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->telling != y->telling)
        return x->telling ? -1 : 1;
    if (x->ratio != y->ratio)
        return x->ratio < y->ratio ? -1 : 1;
    if (x->metric != y->metric)
        return x->metric < y->metric ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->peer < y->peer ? -1 : x->peer > y->peer;
}

static int compare_all(struct comparison *work, const struct findings_of_fabric *before,
                       const struct findings_of_fabric *after)
{
    size_t most = after->level_count + metric_count + work->newer->measures.count + 1;
    uint32_t links;
    int r = 0;

    work->changes = arena_alloc(work->arena, most * sizeof(*work->changes));
    work->grounds = arena_alloc(work->arena, most * sizeof(*work->grounds));
    if (!work->changes || !work->grounds)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < metric_count; i++)
        r = compare_metric(work, &metrics[i], before, after);
    judge_changes(work, 0, AGAINST_LEAST);
    links = work->count;
    if (r == 0)
        r = against_links(work, metric_find(STR("pair.bandwidth")));
    judge_changes(work, links, AGAINST_LINK);
    return r;
}

int against_levels(struct arena *arena, const struct fabric_result *older,
                   const struct findings_of_fabric *before, const struct fabric_result *newer,
                   const struct findings_of_fabric *after, struct changes *out, struct err *err)
{
    struct comparison work = {
        .arena = arena, .older = older, .newer = newer, .noise = fmax(before->noise, after->noise)};
    int r;

    *out = (struct changes){0};
    r = match_nodes(&work, out, err);
    if (r == 0)
        r = compare_all(&work, before, after);
    if (r == -ENOMEM)
        return err_set(err, r, "no memory to compare %zu nodes", newer->nodes.count);
    if (r < 0)
        return r;
    qsort(work.changes, work.count, sizeof(*work.changes), slowest_first);
    for (uint32_t i = 0; i < work.count && work.changes[i].telling; i++) {
        out->telling++;
        out->slower += work.changes[i].ratio < 1;
    }
    out->items = work.changes;
    out->count = work.count;
    return 0;
}

int fabric_against(struct arena *arena, const struct fabric_result *older,
                   const struct fabric_result *newer, struct changes *out, struct err *err)
{
    struct findings_of_fabric before, after;

    if (model_find(arena, older, &before) < 0 || model_find(arena, newer, &after) < 0)
        return err_set(err, -ENOMEM, "no memory to compare %zu nodes", newer->nodes.count);
    return against_levels(arena, older, &before, newer, &after, out, err);
}
