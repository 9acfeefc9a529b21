#include "fabric/court.h"

#include <errno.h>
#include <math.h>

#define HICCUP_WIDE 3.0  /* a hiccup is between typical and 1/20 of it, as logarithms */
#define UNEVEN      0.1  /* a slow thing is less steady: part of its level, as noise */
#define NEED_SPREAD 3.0  /* standard deviations of well nodes' levels */
#define NEED_NOISY  1.7  /* ... of repeats, where few nodes scatter much */
#define FEW_NODES   3    /* so few tell little of what is usual ... */
#define NEED_FEW    0.16 /* ... and only 15 % below counts */

static double log_likely(double x, double level, double noise, double hiccup, uint32_t times)
{
    double z;

    /* Who is faster than typical is well; and repeats that are all slow are no single hiccup. */
    x = x < 0 ? x : 0;
    noise += UNEVEN * fabs(level);
    z = (x - level) / noise;
    return log((1 - hiccup) * exp(-z * z / 2) / (noise * 2.5066282746310002) +
               pow(hiccup, times < 4 ? times : 4) / HICCUP_WIDE);
}

double court_gain(const struct court *court, const struct flow *flow, double level)
{
    double noise = flow_noise(court->flows, flow), hiccup = court->flows->hiccup;

    if (level >= flow->level)
        return 0;
    return log_likely(flow->x, level, noise, hiccup, flow->times) -
           log_likely(flow->x, flow->level, noise, hiccup, flow->times);
}

/* Arrays in the arena grow by doubling; what they leave behind is as much again. */
static void *grow(struct arena *arena, void *items, uint32_t count, uint32_t *space, size_t bytes)
{
    void *more;

    if (count < *space)
        return items;
    more = arena_alloc(arena, (*space ? 2 * *space : 16) * bytes);
    if (!more)
        return NULL;
    if (count)
        memcpy(more, items, count * bytes);
    *space = *space ? 2 * *space : 16;
    return more;
}

struct accused *court_name(struct court *court)
{
    struct accused_list *named = court->named;
    struct accused *items =
        grow(court->arena, named->items, named->count, &named->space, sizeof(*items));

    if (!items)
        return NULL;
    named->items = items;
    return &named->items[named->count++];
}

int court_list(struct court *court, const void *listed, size_t bytes)
{
    void *items =
        grow(court->arena, court->listed, court->listed_count, &court->listed_space, bytes);

    if (!items)
        return -ENOMEM;
    court->listed = items;
    memcpy((char *)items + court->listed_count++ * bytes, listed, bytes);
    return 0;
}

static int given_groups(struct court *court)
{
    const struct flows *flows = court->flows;
    uint32_t n = flows->node_count, groups = flows->group_count;
    uint32_t *fill = arena_alloc(court->arena, ((size_t)groups + 1) * sizeof(*fill));
    uint32_t *nodes = arena_alloc(court->arena, ((size_t)n + 1) * sizeof(*nodes)), at = 0;

    court->set_space = groups + n / 2 + 1; /* discovered ones have two nodes at least */
    court->sets = arena_alloc(court->arena, court->set_space * sizeof(*court->sets));
    if (!fill || !nodes || !court->sets)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        if (flows->group[i] != GROUP_NONE)
            fill[flows->group[i]]++;
    for (uint32_t g = 0; g < groups; g++) {
        court->sets[g].nodes = nodes + at;
        at += fill[g];
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t g = flows->group[i];

        court->set_of[i] = g;
        if (g != GROUP_NONE)
            nodes[court->sets[g].nodes - nodes + court->sets[g].count++] = i;
    }
    court->set_count = groups;
    return 0;
}

int court_open(struct arena *arena, struct flows *flows, struct accused_list *named,
               struct court *court)
{
    uint32_t n = flows->node_count;

    *court = (struct court){.arena = arena, .flows = flows, .named = named, .phase = -1};
    court->self = arena_alloc(arena, ((size_t)n + 1) * sizeof(*court->self));
    court->set_of = arena_alloc(arena, ((size_t)n + 1) * sizeof(*court->set_of));
    court->room = arena_alloc(arena, 2 * ((size_t)flows->count + 1) * sizeof(*court->room));
    court->touched = arena_alloc(arena, ((size_t)n + 1) * sizeof(*court->touched));
    if (!court->self || !court->set_of || !court->room || !court->touched)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        court->self[i] = i;
        court->seen += flows->start[i] < flows->start[i + 1];
    }
    for (int p = 0; p < PAIR_PHASES; p++)
        for (int k = 0; k < FLOW_RELATIONS; k++)
            if (flows->sets[p][k].count)
                court->noise = fmax(court->noise, flows->sets[p][k].noise);
    court->need =
        fmax(court->seen <= FEW_NODES ? NEED_FEW : FLOW_SLOW, NEED_SPREAD * flows->spread);
    if (flows->noisy)
        court->need = fmax(court->need, NEED_NOISY * flows->repeat);
    return given_groups(court);
}
