#include "fabric/flows.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

#define SMALL        16   /* fleets of so many nodes: what is slow is a large part of all flows */
#define REPEATS_MIN  10   /* so many flows measured again tell of noise */
#define REPEATS_FAR  0.15 /* who scatters more than that hides how the network is built */
#define WIDE_SIGMAS  4.0  /* that lie between the least and the most of a measure */
#define HICCUP       0.01
#define HICCUP_MOST  0.15
#define HICCUP_NOISE 0.4 /* who scatters is disturbed more often: at 30 % every eighth time */
#define HICCUP_FAR   5.0 /* standard deviations between two measurements of one flow */

/* The metrics of pairs by which nodes are judged. Sums of both ways and tails of latency are for
 * people: they say nothing that these don't, with more noise. */
static const char *const judged[] = {"pair.bandwidth", "pair.gpu.bandwidth", "pair.latency.p50"};

int flows_groups(struct arena *arena, const struct fabric_result *result, uint32_t **group,
                 uint32_t *group_count)
{
    const struct fabric_node *nodes = result->nodes.items;
    uint32_t n = (uint32_t)result->nodes.count, *first;

    *group_count = 0;
    *group = arena_alloc(arena, (n + 1) * sizeof(**group));
    first = arena_alloc(arena, (n + 1) * sizeof(*first)); /* a node of each group */
    if (!*group || !first)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t g = 0;

        (*group)[i] = GROUP_NONE;
        if (!nodes[i].group[0])
            continue;
        /* Nodes of a group mostly follow each other: the last group first. */
        if (i && (*group)[i - 1] != GROUP_NONE && strcmp(nodes[i].group, nodes[i - 1].group) == 0) {
            (*group)[i] = (*group)[i - 1];
            continue;
        }
        while (g < *group_count && strcmp(nodes[first[g]].group, nodes[i].group) != 0)
            g++;
        if (g == *group_count)
            first[(*group_count)++] = i;
        (*group)[i] = g;
    }
    return 0;
}

bool flows_judge(const struct metric *metric)
{
    for (size_t i = 0; i < ARRAY_LEN(judged); i++)
        if (strcmp(metric->name, judged[i]) == 0)
            return true;
    return false;
}

/* Which family a measure belongs to, or -1: none. */
static int family_of(const struct flows *families, uint32_t count, const struct measure *measure)
{
    for (uint32_t i = 0; i < count; i++)
        if (families[i].metric == measure->metric && strcmp(families[i].part, measure->part) == 0)
            return (int)i;
    return -1;
}

static bool counts(const struct fabric_result *result, const struct measure *measure)
{
    return measure->metric->of_pair && measure->node < result->nodes.count &&
           measure->peer < result->nodes.count && measure->node != measure->peer &&
           isfinite(measure->value) && measure->value > 0 && flows_judge(measure->metric);
}

static int by_part(const void *x, const void *y)
{
    const struct flows *a = x, *b = y;

    return a->metric != b->metric ? (a->metric < b->metric ? -1 : 1) : strcmp(a->part, b->part);
}

static uint32_t find_families(const struct fabric_result *result, struct flows *out, uint32_t max)
{
    uint32_t count = 0;

    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *measure = &result->measures.items[i];
        int at;

        if (!counts(result, measure))
            continue;
        at = family_of(out, count, measure);
        if (at < 0 && count < max) {
            at = (int)count++;
            out[at] = (struct flows){.metric = measure->metric, .part = measure->part};
        }
        if (at >= 0 && measure->bytes > out[at].bytes)
            out[at].bytes = measure->bytes;
    }
    qsort(out, count, sizeof(*out), by_part); /* whatever order the measures came in */
    return count;
}

struct heard { /* one measured value */
    uint32_t to;
    uint8_t phase;
    double speed;   /* its logarithm */
    double slowest; /* of what it is the middle of */
    double range;   /* from the slowest to the fastest */
};

static int by_flow(const void *x, const void *y)
{
    const struct heard *a = x, *b = y;

    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    if (a->phase != b->phase)
        return a->phase < b->phase ? -1 : 1;
    return a->speed < b->speed ? -1 : a->speed > b->speed;
}

/* The flows of node `from`, out of what was heard of it. */
static void add_flows(struct flows *flows, uint32_t from, struct heard *heard, uint32_t count)
{
    qsort(heard, count, sizeof(*heard), by_flow);
    for (uint32_t i = 0, end; i < count; i = end) {
        uint32_t to = heard[i].to;
        bool inside = flows->group[from] != GROUP_NONE && flows->group[from] == flows->group[to];

        double wide = heard[i].range, slowest = heard[i].slowest;

        for (end = i + 1; end < count && heard[end].to == to && heard[end].phase == heard[i].phase;
             end++) {
            wide = fmin(wide, heard[end].range);
            slowest = fmin(slowest, heard[end].slowest);
        }
        flows->items[flows->count++] = (struct flow){
            .from = from,
            .to = to,
            .times = end - i,
            .phase = heard[i].phase,
            .relation = inside ? FLOW_INSIDE : FLOW_CROSS,
            .x = heard[i + (end - i) / 2].speed,
            .best = heard[end - 1].speed,
            .worst = slowest,
            .wide = wide / WIDE_SIGMAS,
        };
    }
}

static struct heard hear(const struct metric *metric, const struct measure *m)
{
    struct heard heard = {.to = m->peer, .phase = m->phase == PHASE_TOGETHER};
    double low = isfinite(m->low) && m->low > 0 && m->low < m->value ? m->low : m->value;
    double high = isfinite(m->high) && m->high > m->value ? m->high : m->value;

    heard.speed = metric->lower_is_better ? -log(m->value) : log(m->value);
    heard.slowest = metric->lower_is_better ? -log(high) : log(low);
    heard.range = log(high / low);
    return heard;
}

static int fill(struct arena *arena, const struct fabric_result *result, struct flows *flows)
{
    uint32_t n = flows->node_count, *at = calloc((size_t)n + 2, sizeof(*at)), total = 0;
    struct heard *heard = NULL;
    int r = -ENOMEM;

    if (!at)
        return r;
    for (int pass = 0; pass < 2; pass++) { /* count by sender, then fill */
        for (size_t i = 0; i < result->measures.count; i++) {
            const struct measure *m = &result->measures.items[i];

            if (m->metric != flows->metric || m->bytes != flows->bytes || !counts(result, m) ||
                strcmp(m->part, flows->part) != 0)
                continue;
            if (pass == 0)
                at[m->node + 1]++;
            else
                heard[at[m->node]++] = hear(flows->metric, m);
        }
        if (pass == 0) {
            for (uint32_t i = 0; i < n; i++)
                at[i + 1] += at[i];
            total = at[n];
            heard = malloc(((size_t)total + 1) * sizeof(*heard));
            flows->items = arena_alloc(arena, ((size_t)total + 1) * sizeof(*flows->items));
            flows->start = arena_alloc(arena, ((size_t)n + 2) * sizeof(*flows->start));
            flows->list = arena_alloc(arena, ((size_t)2 * total + 1) * sizeof(*flows->list));
            if (!heard || !flows->items || !flows->start || !flows->list)
                goto out;
        }
    }
    for (uint32_t i = 0, begin = 0; i < n; begin = at[i++]) /* at[i] is now the end of i */
        add_flows(flows, i, heard + begin, at[i] - begin);
    for (uint32_t i = 0; i < flows->count; i++) {
        flows->start[flows->items[i].from + 1]++;
        flows->start[flows->items[i].to + 1]++;
    }
    for (uint32_t i = 0; i < n; i++) {
        flows->start[i + 1] += flows->start[i];
        at[i] = flows->start[i];
    }
    for (uint32_t i = 0; i < flows->count; i++) {
        flows->list[at[flows->items[i].from]++] = i;
        flows->list[at[flows->items[i].to]++] = i;
    }
    r = 0;
out:
    free(at);
    free(heard);
    return r;
}

/* Of flows that were measured in both phases: how they differ, beside what the phases do. */
static int hear_repeats(struct flows *flows)
{
    double *apart = malloc(((size_t)flows->count + 1) * sizeof(*apart)), middle, far;
    uint32_t count = 0, odd = 0;

    if (!apart)
        return -ENOMEM;
    for (uint32_t i = 1; i < flows->count; i++) {
        const struct flow *a = &flows->items[i - 1], *b = &flows->items[i];

        if (a->from == b->from && a->to == b->to)
            apart[count++] = b->x - a->x;
    }
    flows->hiccup = HICCUP;
    if (count >= REPEATS_MIN) {
        middle = stats_median(apart, count);
        for (uint32_t i = 0; i < count; i++)
            apart[i] = fabs(apart[i] - middle);
        flows->apart = middle;
        flows->repeat = STATS_MAD_TO_SIGMA * stats_median(apart, count) / sqrt(2);
        flows->repeat *= 1 + 4.0 / (count + 1);
        flows->apart_noise = STATS_MEDIAN_SPREAD * sqrt(2.0 / count) * flows->repeat;
        far = HICCUP_FAR * fmax(flows->repeat, FLOW_SLOW / HICCUP_FAR);
        for (uint32_t i = 0; i < count; i++)
            odd += apart[i] > far;
        /* Either of the two may have been disturbed. */
        flows->noisy = flows->node_count <= SMALL && flows->repeat > REPEATS_FAR;
        if (flows->node_count <= SMALL)
            flows->hiccup = fmax(HICCUP, fmax(odd / (2.0 * count), HICCUP_NOISE * flows->repeat));
        flows->hiccup = fmin(flows->hiccup, HICCUP_MOST);
    }
    free(apart);
    return 0;
}

double flow_noise(const struct flows *flows, const struct flow *flow)
{
    return hypot(flow_set_of(flows, flow)->noise, flow->wide);
}

int flows_gather(struct arena *arena, const struct fabric_result *result, const uint32_t *group,
                 uint32_t group_count, struct flows *out, uint32_t max)
{
    struct flows families[FLOW_FAMILIES_MAX];
    uint32_t count = find_families(result, families, FLOW_FAMILIES_MAX);

    if (count > max)
        count = max;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = families[i];
        out[i].node_count = (uint32_t)result->nodes.count;
        out[i].group = group;
        out[i].group_count = group_count;
        if (fill(arena, result, &out[i]) < 0 || hear_repeats(&out[i]) < 0 ||
            flows_centre(&out[i], false) < 0)
            return -ENOMEM;
    }
    return (int)count;
}

double flows_value(const struct flows *flows, enum phase phase, double x)
{
    const struct flow_set *cross = &flows->sets[phase][FLOW_CROSS];
    double speed = (cross->count ? cross : &flows->sets[phase][FLOW_INSIDE])->typical + x;

    return exp(flows->metric->lower_is_better ? -speed : speed);
}

enum phase flows_phase(const struct flows *flows)
{
    const struct flow_set *alone = flows->sets[PHASE_ALONE];

    return alone[FLOW_CROSS].count || alone[FLOW_INSIDE].count ? PHASE_ALONE : PHASE_TOGETHER;
}

bool flow_is_open(const struct flows *flows, const struct flow *flow)
{
    double far = 4 * flow_noise(flows, flow);

    return flow->x - flow->level < -(far > FLOW_SLOW ? far : FLOW_SLOW);
}
