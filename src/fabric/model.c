#include "fabric/model.h"

#include "fabric/accuse.h"
#include "fabric/next.h"
#include "fabric/own.h"
#include "fabric/say.h"
#include "fabric/troubled.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

#define RDMA_SHARE    0.8  /* of a port's nominal rate: what RDMA reaches when all is well */
#define NET_SHARE     0.25 /* ... and what one TCP connection does */
#define CORE_SHARE    0.7  /* all at once against alone: less is the core's doing */
#define CORE_SIGMAS   5.0
#define CORE_NODES    4 /* fewer share nothing that could be told from themselves */
#define CORE_FLOWS    4
#define RAIL_NEED     0.105
#define RAILS_MIN     3
#define SURE          0.99
#define MARGIN_LOST   7.0
#define SIGMAS_95     1.96
#define MEDIAN_SPREAD 1.2533 /* a median's standard error beside a mean's */

const char *const suspect_kind_names[SUSPECT_KIND_COUNT] = {
    [SUSPECT_NODE] = "node",
    [SUSPECT_SENDING] = "sending",
    [SUSPECT_RECEIVING] = "receiving",
    [SUSPECT_LINK] = "link",
    [SUSPECT_LINK_ONE_WAY] = "link-one-way",
    [SUSPECT_GROUP] = "group",
    [SUSPECT_GROUP_PART] = "group-part",
    [SUSPECT_CORE] = "core",
    [SUSPECT_ALL] = "all",
    [SUSPECT_ONE_OF] = "one-of",
    [SUSPECT_LOST] = "lost",
    [SUSPECT_FALLBACK] = "fallback",
    [SUSPECT_TROUBLE] = "trouble",
};

struct finding { /* what one call works with */
    struct arena *arena;
    const struct fabric_result *result;
    struct flows families[FLOW_FAMILIES_MAX];
    struct accused_list accused[FLOW_FAMILIES_MAX];
    int family_count;
    VEC(struct suspect) suspects;
    VEC(struct node_level) levels;
};

static int investigate(struct finding *finding, int families_max)
{
    uint32_t *group, group_count;

    if (flows_groups(finding->arena, finding->result, &group, &group_count) < 0)
        return -ENOMEM;
    finding->family_count = flows_gather(finding->arena, finding->result, group, group_count,
                                         finding->families, (uint32_t)families_max);
    for (int f = 0; f < finding->family_count; f++) {
        struct accused_list *list = &finding->accused[f];

        if (accuse(finding->arena, &finding->families[f], list) < 0)
            return -ENOMEM;
        for (uint32_t i = 0; i < list->count; i++)
            if (list->items[i].kind == SUSPECT_ONE_OF)
                next_decide(finding->result, &finding->families[f], list, &list->items[i]);
    }
    return finding->family_count < 0 ? -ENOMEM : 0;
}

static double noise_of(const struct flows *flows, enum phase phase)
{
    const struct flow_set *set = flows->sets[phase];

    return set[FLOW_CROSS].count ? set[FLOW_CROSS].noise : set[FLOW_INSIDE].noise;
}

static bool same_nodes(const struct suspect *suspect, const struct accused *accused)
{
    for (uint32_t i = 0; i < accused->node_count; i++) {
        uint32_t k = 0;

        while (k < suspect->node_count && suspect->nodes[k] != accused->nodes[i])
            k++;
        if (k == suspect->node_count)
            return false;
    }
    return true;
}

/* Latency and other parts mostly say again what bandwidth has said of the same nodes. */
static bool said_before(const struct finding *finding, size_t before, const struct accused *accused)
{
    for (size_t i = 0; i < before; i++)
        if (finding->suspects.items[i].kind != SUSPECT_ONE_OF &&
            finding->suspects.items[i].kind != SUSPECT_LOST && finding->suspects.items[i].metric &&
            finding->suspects.items[i].metric->of_pair &&
            same_nodes(&finding->suspects.items[i], accused))
            return true;
    return false;
}

static void order_ends(double *low, double *high)
{
    if (*low > *high) {
        double was = *low;

        *low = *high;
        *high = was;
    }
}

static int add_accused(struct finding *finding, const struct flows *flows,
                       const struct accused *accused)
{
    double level = fmin(accused->level[WAY_OUT], accused->level[WAY_IN]);
    enum phase phase = accused->together ? PHASE_TOGETHER : flows_phase(flows);
    double noise = noise_of(flows, phase) * MEDIAN_SPREAD * SIGMAS_95 /
                   sqrt(accused->slow ? accused->slow : 1);
    struct suspect *suspect = vec_push(&finding->suspects);
    const char *group = finding->result->nodes.items[accused->nodes[0]].group;

    if (!suspect)
        return -ENOMEM;
    *suspect = (struct suspect){
        .kind = accused->together ? SUSPECT_CORE : accused->kind,
        .metric = flows->metric,
        .part = flows->part,
        .nodes = accused->nodes,
        .node_count = accused->node_count,
        .group = accused->group != GROUP_NONE ? group : "",
        .value = flows_value(flows, phase, level),
        .low = flows_value(flows, phase, level - noise),
        .high = flows_value(flows, phase, level + noise),
        .typical = flows_value(flows, phase, 0),
        .slower = 1 - exp(level),
        .confidence = accused->kind == SUSPECT_ONE_OF ? 0.5 : 1 / (1 + exp(-accused->margin)),
        .slow = accused->slow,
        .fast = accused->fast,
        .decide = {accused->decide[0], accused->decide[1]},
        .sentence = say_accused(finding->arena, finding->result, flows, accused, phase),
    };
    order_ends(&suspect->low, &suspect->high);
    return suspect->sentence ? 0 : -ENOMEM;
}

static int add_levels(struct finding *finding, const struct flows *flows)
{
    enum phase phase = flows_phase(flows);
    double *room = arena_alloc(finding->arena, ((size_t)flows->count + 1) * sizeof(*room));

    if (!room)
        return -ENOMEM;
    for (uint32_t n = 0; n < flows->node_count; n++) {
        struct node_level *level = vec_push(&finding->levels);
        uint32_t k = 0;
        double x, far;

        if (!level)
            return -ENOMEM;
        *level = (struct node_level){flows->metric, n, NAN, NAN, NAN};
        for (uint32_t i = flows->start[n]; i < flows->start[n + 1]; i++)
            room[k++] = flows->items[flows->list[i]].x;
        if (!k)
            continue;
        x = stats_median(room, k);
        far = SIGMAS_95 * MEDIAN_SPREAD * noise_of(flows, phase) / sqrt(k);
        level->value = flows_value(flows, phase, x);
        level->low = flows_value(flows, phase, x - far);
        level->high = flows_value(flows, phase, x + far);
        order_ends(&level->low, &level->high);
    }
    return 0;
}

static const uint32_t *everybody(struct finding *finding)
{
    uint32_t n = (uint32_t)finding->result->nodes.count;
    uint32_t *nodes = arena_alloc(finding->arena, ((size_t)n + 1) * sizeof(*nodes));

    for (uint32_t i = 0; nodes && i < n; i++)
        nodes[i] = i;
    return nodes;
}

/* A suspect that is no single node: all nodes, by one metric. */
static int add_common(struct finding *finding, enum suspect_kind kind, const struct flows *flows,
                      double value, double typical, const char *sentence)
{
    struct suspect *suspect = vec_push(&finding->suspects);
    const uint32_t *nodes = everybody(finding);

    if (!suspect || !nodes || !sentence)
        return -ENOMEM;
    *suspect = (struct suspect){
        .kind = kind,
        .metric = flows->metric,
        .part = flows->part,
        .nodes = nodes,
        .node_count = (uint32_t)finding->result->nodes.count,
        .group = kind == SUSPECT_GROUP ? flows->part : "",
        .value = value,
        .low = value,
        .high = value,
        .typical = typical,
        .slower = 1 - value / typical,
        .confidence = SURE,
        .decide = {MEASURE_NOBODY, MEASURE_NOBODY},
        .sentence = sentence,
    };
    return 0;
}

/* Nodes that share a machine share its memory and cores: what they do together is no network's. */
static bool is_one_machine(const struct fabric_result *result)
{
    const char *boot = NULL;

    for (size_t i = 0; i < result->nodes.count; i++) {
        const struct fabric_node *node = &result->nodes.items[i];

        if (node->fate == NODE_ABSENT)
            continue;
        if (!node->card.boot[0] || (boot && strcmp(boot, node->card.boot) != 0))
            return false;
        boot = node->card.boot;
    }
    return boot != NULL;
}

/* Bandwidth when all pairs run at once against pairs alone. */
static int find_core(struct finding *finding, const struct flows *flows)
{
    char together[METRIC_VALUE_BYTES], alone[METRIC_VALUE_BYTES];

    if (flows->node_count < CORE_NODES || is_one_machine(finding->result))
        return 0;
    /* The same flows in both phases say it best. */
    if (flows->repeat > 0 &&
        flows->apart > -fmax(-log(CORE_SHARE), CORE_SIGMAS * flows->apart_noise))
        return 0;
    for (int k = 0; k < FLOW_RELATIONS; k++) {
        const struct flow_set *all = &flows->sets[PHASE_TOGETHER][k];
        const struct flow_set *few = &flows->sets[PHASE_ALONE][k];
        double a = exp(all->typical), b = exp(few->typical);

        double sure = CORE_SIGMAS * (all->noise / sqrt(all->count) + few->noise / sqrt(few->count));

        if (flows->metric->lower_is_better || !all->count || !few->count || a >= CORE_SHARE * b ||
            log(a / b) > -sure)
            continue;
        return add_common(
            finding, SUSPECT_CORE, flows, a, b,
            arena_printf(finding->arena,
                         "pairs reach %s each when all run at once, and %s alone: what they share "
                         "does not carry them all",
                         metric_value(flows->metric->unit, a, together),
                         metric_value(flows->metric->unit, b, alone)));
    }
    return 0;
}

/* The nominal rate of the device that a measure went over, of its node; 0: not known. */
static double nominal_of(const struct fabric_result *result, const struct measure *measure,
                         double *share)
{
    const struct card *card = &result->nodes.items[measure->node].card;
    const char *device = strchr(measure->via, '/');

    for (uint32_t i = 0; device && i < card->device_count && i < CARD_DEVICES_MAX; i++)
        if (strcmp(card->devices[i].name, device + 1) == 0 && card->devices[i].up) {
            *share = card->devices[i].kind == DEVICE_RDMA ? RDMA_SHARE : NET_SHARE;
            return card->devices[i].rate;
        }
    return 0;
}

static int find_all(struct finding *finding, const struct flows *flows)
{
    const struct fabric_result *result = finding->result;
    double typical = flows_value(flows, flows_phase(flows), 0), share = 1, nominal;
    double *rates = arena_alloc(finding->arena, (result->measures.count + 1) * sizeof(*rates));
    char value[METRIC_VALUE_BYTES], rate[METRIC_VALUE_BYTES];
    size_t count = 0, all = 0;

    if (!rates)
        return -ENOMEM;
    if (strcmp(flows->metric->name, "pair.bandwidth") != 0)
        return 0;
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (m->metric != flows->metric || m->bytes != flows->bytes ||
            strcmp(m->part, flows->part) != 0 || m->node >= result->nodes.count)
            continue;
        all++;
        rates[count] = nominal_of(result, m, &share);
        count += rates[count] > 0;
    }
    nominal = stats_median(rates, count);
    if (!count || 2 * count < all || typical >= share * nominal)
        return 0;
    return add_common(finding, SUSPECT_ALL, flows, typical, nominal,
                      arena_printf(finding->arena,
                                   "all nodes: a typical pair reaches %s over ports of %s: this is "
                                   "no single node's doing",
                                   metric_value(flows->metric->unit, typical, value),
                                   metric_value(flows->metric->unit, nominal, rate)));
}

/* One part of all nodes slower than the others: a rail. */
static int find_rails(struct finding *finding)
{
    for (int f = 0; f < finding->family_count; f++) {
        const struct flows *flows = &finding->families[f];
        double levels[FLOW_FAMILIES_MAX], own = 0, middle;
        char value[METRIC_VALUE_BYTES], typical[METRIC_VALUE_BYTES];
        size_t count = 0;

        for (int k = 0; k < finding->family_count; k++) {
            const struct flows *other = &finding->families[k];
            double speed = log(flows_value(other, flows_phase(other), 0));

            if (other->metric != flows->metric || !other->part[0] || !flows->part[0])
                continue;
            levels[count++] = flows->metric->lower_is_better ? -speed : speed;
            if (k == f)
                own = levels[count - 1];
        }
        if (count < RAILS_MIN)
            continue;
        middle = stats_median(levels, count);
        if (own > middle - RAIL_NEED)
            continue;
        if (flows->metric->lower_is_better)
            own = -own, middle = -middle;
        if (add_common(finding, SUSPECT_GROUP, flows, exp(own), exp(middle),
                       arena_printf(finding->arena,
                                    "rail %s: a typical pair has %s over it where the other rails "
                                    "have %s",
                                    flows->part, metric_value(flows->metric->unit, exp(own), value),
                                    metric_value(flows->metric->unit, exp(middle), typical))) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int add_own(struct finding *finding)
{
    struct own_numbers own;

    if (own_judge(finding->arena, finding->result, &own) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < own.count; i++) {
        const struct own_slow *slow = &own.items[i];
        struct suspect *suspect = vec_push(&finding->suspects);
        uint32_t *node = arena_alloc(finding->arena, sizeof(*node));
        double ratio = slow->metric->lower_is_better ? slow->typical / slow->value
                                                     : slow->value / slow->typical;

        if (!suspect || !node)
            return -ENOMEM;
        *node = slow->node;
        *suspect = (struct suspect){
            .kind = SUSPECT_NODE,
            .metric = slow->metric,
            .part = slow->part,
            .nodes = node,
            .node_count = 1,
            .group = "",
            .value = slow->value,
            .low = slow->low,
            .high = slow->high,
            .typical = slow->typical,
            .slower = slow->metric->test == TEST_CLOCK ? 0 : 1 - ratio,
            .confidence = 1 / (1 + exp(-slow->margin)),
            .slow = slow->slow,
            .fast = slow->fast,
            .decide = {MEASURE_NOBODY, MEASURE_NOBODY},
            .sentence = say_own(finding->arena, finding->result, slow),
        };
        if (!suspect->sentence)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < own.level_count; i++) {
        struct node_level *level = vec_push(&finding->levels);

        if (!level)
            return -ENOMEM;
        *level = own.levels[i];
    }
    return 0;
}

static int add_troubled(struct finding *finding)
{
    struct troubled_list list = {0};

    if (troubled_find(finding->arena, finding->result, &list) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct troubled *troubled = &list.items[i];
        struct suspect *suspect = vec_push(&finding->suspects);

        if (!suspect)
            return -ENOMEM;
        *suspect = (struct suspect){
            .kind = troubled->kind,
            .part = "",
            .nodes = troubled->nodes,
            .node_count = troubled->node_count,
            .group = "",
            .value = NAN,
            .low = NAN,
            .high = NAN,
            .typical = NAN,
            .slower = troubled->kind == SUSPECT_LOST ? 1 : 0,
            .confidence = SURE,
            .slow = troubled->times,
            .decide = {MEASURE_NOBODY, MEASURE_NOBODY},
            .sentence = troubled->sentence,
        };
    }
    return 0;
}

/* Lost nodes first, then by what is lost by it and how sure it is. */
static int worst_first(const void *x, const void *y)
{
    const struct suspect *a = x, *b = y;
    double of_a = a->slower * a->confidence, of_b = b->slower * b->confidence;

    if (of_a != of_b)
        return of_a > of_b ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->nodes[0] != b->nodes[0])
        return a->nodes[0] < b->nodes[0] ? -1 : 1;
    return strcmp(a->sentence, b->sentence);
}

static int level_order(const void *x, const void *y)
{
    const struct node_level *a = x, *b = y;
    double of_a, of_b;

    if (a->metric != b->metric)
        return a->metric < b->metric ? -1 : 1;
    of_a = isnan(a->value) ? INFINITY : a->metric->lower_is_better ? -a->value : a->value;
    of_b = isnan(b->value) ? INFINITY : b->metric->lower_is_better ? -b->value : b->value;
    return of_a != of_b ? (of_a < of_b ? -1 : 1) : a->node < b->node ? -1 : a->node > b->node;
}

/* Slow together only, and there is no core to blame, or too little that says so. */
static bool is_no_core(const struct finding *finding, const struct flows *flows,
                       const struct accused *accused)
{
    return accused->together && (flows->node_count < CORE_NODES || accused->slow < CORE_FLOWS ||
                                 is_one_machine(finding->result));
}

/* Flows across groups beside those inside, where no group is the odd one. */
static int find_between(struct finding *finding, const struct flows *flows)
{
    char across[METRIC_VALUE_BYTES], inside[METRIC_VALUE_BYTES];
    const struct flow_set *alone = flows->sets[PHASE_ALONE];
    double a, b;

    if (flows->metric->lower_is_better || flows->between[PHASE_ALONE] == 0 ||
        flows->node_count < CORE_NODES || is_one_machine(finding->result))
        return 0;
    a = exp(alone[FLOW_CROSS].typical);
    b = exp(alone[FLOW_INSIDE].typical);
    return add_common(finding, SUSPECT_CORE, flows, a, b,
                      arena_printf(finding->arena,
                                   "pairs across groups reach %s, and %s inside them: what joins "
                                   "the groups is slow",
                                   metric_value(flows->metric->unit, a, across),
                                   metric_value(flows->metric->unit, b, inside)));
}

static int find_all_suspects(struct finding *finding)
{
    if (investigate(finding, FLOW_FAMILIES_MAX) < 0)
        return -ENOMEM;
    for (int f = 0; f < finding->family_count; f++) {
        const struct flows *flows = &finding->families[f];
        size_t before = finding->suspects.count;

        for (uint32_t i = 0; i < finding->accused[f].count; i++)
            if (!is_no_core(finding, flows, &finding->accused[f].items[i]) &&
                !said_before(finding, before, &finding->accused[f].items[i]) &&
                add_accused(finding, flows, &finding->accused[f].items[i]) < 0)
                return -ENOMEM;
        if (find_core(finding, flows) < 0 || find_between(finding, flows) < 0 ||
            find_all(finding, flows) < 0 || (!flows->part[0] && add_levels(finding, flows) < 0))
            return -ENOMEM;
    }
    if (find_rails(finding) < 0 || add_own(finding) < 0 || add_troubled(finding) < 0)
        return -ENOMEM;
    return 0;
}

int model_find(struct arena *arena, const struct fabric_result *result,
               struct findings_of_fabric *out)
{
    struct finding *finding = arena_alloc(arena, sizeof(*finding));
    struct suspect *suspects;
    struct node_level *levels;
    int r;

    *out = (struct findings_of_fabric){0};
    if (!finding)
        return -ENOMEM;
    finding->arena = arena;
    finding->result = result;
    r = find_all_suspects(finding);
    suspects = arena_alloc(arena, (finding->suspects.count + 1) * sizeof(*suspects));
    levels = arena_alloc(arena, (finding->levels.count + 1) * sizeof(*levels));
    if (r == 0 && suspects && levels) {
        if (finding->suspects.count)
            memcpy(suspects, finding->suspects.items, finding->suspects.count * sizeof(*suspects));
        if (finding->levels.count)
            memcpy(levels, finding->levels.items, finding->levels.count * sizeof(*levels));
        qsort(suspects, finding->suspects.count, sizeof(*suspects), worst_first);
        qsort(levels, finding->levels.count, sizeof(*levels), level_order);
        out->suspects = suspects;
        out->suspect_count = (uint32_t)finding->suspects.count;
        out->levels = levels;
        out->level_count = (uint32_t)finding->levels.count;
        if (finding->family_count)
            out->noise = noise_of(&finding->families[0], flows_phase(&finding->families[0]));
    } else {
        r = -ENOMEM;
    }
    vec_done(&finding->suspects);
    vec_done(&finding->levels);
    return r;
}

int model_next_pairs(struct arena *arena, const struct fabric_result *result, struct pair *out,
                     uint32_t max, uint32_t *suspects)
{
    struct finding *finding = arena_alloc(arena, sizeof(*finding));

    if (!finding)
        return -ENOMEM;
    finding->arena = arena;
    finding->result = result;
    /* Bandwidth, which comes first, decides: what is slow in latency alone is not chased. */
    if (investigate(finding, 1) < 0)
        return -ENOMEM;
    if (suspects)
        *suspects = finding->family_count ? finding->accused[0].count : 0;
    return finding->family_count
               ? next_pairs(result, &finding->families[0], &finding->accused[0], out, max)
               : 0;
}
