#include "fabric/own.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

#define PEERS_MIN  3
#define NEED       0.0513 /* -log(0.95), SuperBench's threshold */
#define NEED_FEW   0.16   /* with three peers, who tell little of what is usual */
#define FAR        4.0    /* standard deviations from the peers */
#define FAR_PART   5.0    /* there are many cores */
#define MARGIN_MAX 20.0

/* Numbers that are less steady, or matter less, than the rest: what must be exceeded. */
static const struct {
    const char *metric;
    double need;  /* as a logarithm of the ratio */
    double least; /* a value of less is never slow */
} needs[] = {
    {"disk.write", 0.36, 0},     {"disk.read", 0.36, 0},      {"disk.fsync", 0.7, 1e-3},
    {"names.forward", 1.1, 0.1}, {"names.reverse", 1.1, 0.1}, {"nic.loopback", 0.105, 0},
};

/* Clocks are compared by distance, not by ratio. */
static const struct {
    const char *metric;
    double far;
} clocks[] = {{"clock.offset", 0.05}, {"clock.drift", 50e-6}};

struct number {
    uint32_t node;
    const char *part;
    double value, low, high;
    double x;     /* log of the speed; for clocks the value */
    double shift; /* against the node's other parts */
};

struct table { /* one metric's numbers, by node and part */
    const struct metric *metric;
    struct number *items;
    uint32_t count;
    double need, least;
    double *room;
};

static int by_node(const void *x, const void *y)
{
    const struct number *a = x, *b = y;
    int part;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    part = strcmp(a->part, b->part);
    return part ? part : a->value < b->value ? -1 : a->value > b->value;
}

static int by_part(const void *x, const void *y)
{
    const struct number *a = *(const struct number *const *)x,
                        *b = *(const struct number *const *)y;
    int part = strcmp(a->part, b->part);

    return part ? part : a->node < b->node ? -1 : a->node > b->node;
}

static double clock_far(const struct metric *metric)
{
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
        if (strcmp(metric->name, clocks[i].metric) == 0)
            return clocks[i].far;
    return 0;
}

static int collect(struct arena *arena, const struct fabric_result *result,
                   const struct metric *metric, struct table *out)
{
    bool clock = clock_far(metric) > 0;
    uint64_t bytes = 0;
    size_t count = 0;

    *out = (struct table){.metric = metric, .need = NEED};
    for (size_t i = 0; i < ARRAY_LEN(needs); i++)
        if (strcmp(metric->name, needs[i].metric) == 0) {
            out->need = needs[i].need;
            out->least = needs[i].least;
        }
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        count += m->metric == metric;
        if (m->metric == metric && m->bytes > bytes)
            bytes = m->bytes;
    }
    if (!count)
        return 0;
    out->items = arena_alloc(arena, count * sizeof(*out->items));
    out->room = arena_alloc(arena, count * sizeof(*out->room));
    if (!out->items || !out->room)
        return -ENOMEM;
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (m->metric != metric || m->bytes != bytes || m->node >= result->nodes.count ||
            !isfinite(m->value) || (!clock && m->value <= 0))
            continue;
        out->items[out->count++] = (struct number){
            m->node,  m->part,
            m->value, m->low,
            m->high,  clock ? m->value : metric->lower_is_better ? -log(m->value) : log(m->value),
            0};
    }
    qsort(out->items, out->count, sizeof(*out->items), by_node);
    return 0;
}

static uint32_t end_of_node(const struct table *table, uint32_t begin)
{
    uint32_t end = begin;

    while (end < table->count && table->items[end].node == table->items[begin].node)
        end++;
    return end;
}

static double spread_of(double *values, uint32_t count, double centre)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - centre);
    return STATS_MAD_TO_SIGMA * stats_median(values, count);
}

/* The spread of the better half: slow ones don't widen it. Sorts values. */
static double upper_spread(double *values, uint32_t count)
{
    double centre;

    stats_sort(values, count);
    centre = values[count / 2];
    return spread_of(values + count / 2, count - count / 2, centre);
}

static struct own_slow *add_slow(struct own_numbers *out)
{
    return &out->items[out->count++];
}

static double value_of(const struct metric *metric, double x)
{
    return exp(metric->lower_is_better ? -x : x);
}

static double margin_of(double far, double need)
{
    double margin = 3 * far / need;

    return margin > MARGIN_MAX ? MARGIN_MAX : margin;
}

/* Parts against the others of their node, and against the same part elsewhere: on a processor with
 * cores of two kinds the same ones are slower on every node. */
static int judge_parts(struct arena *arena, struct table *table, struct own_numbers *out)
{
    struct number **order = arena_alloc(arena, table->count * sizeof(struct number *));
    uint32_t count = 0;
    double need;

    if (!order)
        return -ENOMEM;
    for (uint32_t begin = 0, end; begin < table->count; begin = end) {
        double middle;

        end = end_of_node(table, begin);
        if (end - begin < PEERS_MIN)
            continue;
        for (uint32_t i = begin; i < end; i++)
            table->room[i - begin] = table->items[i].x;
        middle = stats_median(table->room, end - begin);
        for (uint32_t i = begin; i < end; i++) {
            table->items[i].shift = table->items[i].x - middle;
            order[count++] = &table->items[i];
        }
    }
    if (count <= PEERS_MIN)
        return 0;
    qsort(order, count, sizeof(struct number *), by_part);
    for (uint32_t begin = 0, end; begin < count; begin = end) {
        double usual;

        for (end = begin; end < count && strcmp(order[end]->part, order[begin]->part) == 0; end++)
            table->room[end - begin] = order[end]->shift;
        if (end - begin < PEERS_MIN)
            continue;
        usual = stats_median(table->room, end - begin);
        for (uint32_t i = begin; i < end; i++)
            order[i]->shift -= usual < 0 ? usual : 0;
    }
    for (uint32_t i = 0; i < count; i++)
        table->room[i] = order[i]->shift;
    need = fmax(table->need, FAR_PART * spread_of(table->room, count, 0));
    for (uint32_t i = 0; i < count; i++) {
        const struct number *number = order[i];

        if (number->shift > -need || number->value < table->least)
            continue;
        *add_slow(out) = (struct own_slow){
            .metric = table->metric,
            .node = number->node,
            .part = number->part,
            .value = number->value,
            .low = number->low,
            .high = number->high,
            .typical = value_of(table->metric, number->x - number->shift),
            .margin = margin_of(-number->shift, need),
            .slow = 1,
            .fast = count - 1,
        };
    }
    return 0;
}

struct whole { /* a node by one metric */
    uint32_t node, parts;
    double x, low, high, range;
};

static uint32_t wholes_of(struct table *table, struct whole *wholes)
{
    uint32_t count = 0;

    for (uint32_t begin = 0, end; begin < table->count; begin = end) {
        struct whole *whole = &wholes[count++];

        end = end_of_node(table, begin);
        *whole = (struct whole){.node = table->items[begin].node, .parts = end - begin};
        for (uint32_t i = begin; i < end; i++)
            table->room[i - begin] = table->items[i].x;
        whole->x = stats_median(table->room, end - begin);
        whole->low = table->items[begin].low;
        whole->high = table->items[begin].high;
        for (uint32_t i = begin; i < end; i++) {
            whole->low = fmin(whole->low, table->items[i].low);
            whole->high = fmax(whole->high, table->items[i].high);
            whole->range += (table->items[i].high - table->items[i].low) /
                            (fabs(table->items[i].value) + 1e-12) / (end - begin);
        }
    }
    return count;
}

static void judge_wholes(struct table *table, const struct whole *wholes, uint32_t count,
                         struct own_numbers *out)
{
    double middle, need, range;

    if (count <= PEERS_MIN - 1)
        return;
    for (uint32_t i = 0; i < count; i++)
        table->room[i] = wholes[i].range;
    range = stats_median(table->room, count); /* what repeats of one number differ by */
    for (uint32_t i = 0; i < count; i++)
        table->room[i] = wholes[i].x;
    need = fmax(count <= PEERS_MIN + 1 ? fmax(NEED_FEW, table->need) : table->need, range);
    need = fmax(need, FAR * upper_spread(table->room, count));
    for (uint32_t i = 0; i < count; i++)
        table->room[i] = wholes[i].x;
    stats_sort(table->room, count);
    middle = table->room[count / 2]; /* of two in the middle the faster */
    for (uint32_t i = 0; i < count; i++) {
        double far = middle - wholes[i].x;

        if (far < need || value_of(table->metric, wholes[i].x) < table->least)
            continue;
        *add_slow(out) = (struct own_slow){
            .metric = table->metric,
            .node = wholes[i].node,
            .part = "",
            .value = value_of(table->metric, wholes[i].x),
            .low = wholes[i].low,
            .high = wholes[i].high,
            .typical = value_of(table->metric, middle),
            .margin = margin_of(far, need),
            .slow = wholes[i].parts,
            .fast = count - 1,
        };
    }
}

/* Against the median clock, as the head's may be the wrong one; with few nodes against the head's.
 */
static void judge_clocks(struct table *table, double far, struct own_numbers *out)
{
    double middle = 0;

    for (uint32_t i = 0; i < table->count; i++)
        table->room[i] = table->items[i].value;
    if (table->count >= PEERS_MIN)
        middle = stats_median(table->room, table->count);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct number *number = &table->items[i];
        double off = fabs(number->value - middle), need = far;

        need = fmax(need, 2 * (number->high - number->low));
        if (off < need)
            continue;
        *add_slow(out) = (struct own_slow){
            .metric = table->metric,
            .node = number->node,
            .part = "",
            .value = number->value,
            .low = number->low,
            .high = number->high,
            .typical = middle,
            .margin = margin_of(off, need),
            .slow = 1,
            .fast = table->count - 1,
        };
    }
}

static int worst_first(const void *x, const void *y)
{
    const struct node_level *a = x, *b = y;
    double of_a = a->metric->lower_is_better ? -a->value : a->value;
    double of_b = b->metric->lower_is_better ? -b->value : b->value;

    return of_a != of_b ? (of_a < of_b ? -1 : 1) : a->node < b->node ? -1 : a->node > b->node;
}

static int judge_metric(struct arena *arena, const struct fabric_result *result,
                        const struct metric *metric, struct own_numbers *out)
{
    double far = clock_far(metric);
    struct node_level *levels = out->levels + out->level_count;
    struct whole *wholes;
    struct table table;
    uint32_t count;

    if (collect(arena, result, metric, &table) < 0)
        return -ENOMEM;
    if (!table.count)
        return 0;
    wholes = arena_alloc(arena, table.count * sizeof(*wholes));
    if (!wholes)
        return -ENOMEM;
    count = wholes_of(&table, wholes);
    for (uint32_t i = 0; i < count; i++)
        levels[i] = (struct node_level){metric, wholes[i].node,
                                        far > 0 ? wholes[i].x : value_of(metric, wholes[i].x),
                                        wholes[i].low, wholes[i].high};
    qsort(levels, count, sizeof(*levels), worst_first);
    out->level_count += count;
    if (far > 0) {
        judge_clocks(&table, far, out);
        return 0;
    }
    judge_wholes(&table, wholes, count, out);
    return judge_parts(arena, &table, out);
}

int own_judge(struct arena *arena, const struct fabric_result *result, struct own_numbers *out)
{
    size_t most = 1;

    *out = (struct own_numbers){0};
    for (size_t i = 0; i < result->measures.count; i++)
        most += !result->measures.items[i].metric->of_pair;
    out->items = arena_alloc(arena, 2 * most * sizeof(*out->items)); /* a part and a whole, each */
    out->levels = arena_alloc(arena, most * sizeof(*out->levels));
    if (!out->items || !out->levels)
        return -ENOMEM;
    for (size_t i = 0; i < metric_count; i++)
        if (!metrics[i].of_pair && judge_metric(arena, result, &metrics[i], out) < 0)
            return -ENOMEM;
    return 0;
}
