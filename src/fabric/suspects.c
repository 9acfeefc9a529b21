#include "fabric/model_inside.h"

#include "base/stats.h"
#include "fabric/own.h"
#include "fabric/say.h"
#include "fabric/troubled.h"

#include <errno.h>
#include <math.h>

#define CORE_FLOWS 4 /* fewer that are slow together alone say nothing of a core */
#define SIGMAS_95  1.96

double finding_noise(const struct flows *flows, enum phase phase)
{
    const struct flow_set *set = flows->sets[phase];

    return set[FLOW_CROSS].count ? set[FLOW_CROSS].noise : set[FLOW_INSIDE].noise;
}

/* Slow together only, and there is no core to blame, or too little that says so. */
static bool is_no_core(const struct finding *finding, const struct accused *accused)
{
    return accused->together && (accused->slow < CORE_FLOWS || !finding_has_core(finding));
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

/* Latency and other parts mostly say again what bandwidth has said of the same nodes. What was said
 * of all of them was said of none. */
static bool said_before(const struct finding *finding, size_t before, const struct accused *accused)
{
    for (size_t i = 0; i < before; i++) {
        const struct suspect *suspect = &finding->suspects.items[i];

        if (suspect->kind != SUSPECT_ONE_OF && suspect->metric && suspect->metric->of_pair &&
            suspect->node_count < finding->result->nodes.count && same_nodes(suspect, accused))
            return true;
    }
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
    double noise = finding_noise(flows, phase) * STATS_MEDIAN_SPREAD * SIGMAS_95 /
                   sqrt(accused->slow ? accused->slow : 1);
    struct suspect *suspect = vec_push(&finding->suspects);
    const struct fabric_node *nodes = finding->result->nodes.items;
    const char *group = nodes[accused->nodes[0]].group;
    const char *peer_group = nodes[accused->nodes[accused->node_count - 1]].group;

    if (!suspect)
        return -ENOMEM;
    *suspect = (struct suspect){
        .kind = accused->together ? SUSPECT_CORE : accused->kind,
        .metric = flows->metric,
        .part = flows->part,
        .nodes = accused->nodes,
        .node_count = accused->node_count,
        .group = accused->group != GROUP_NONE ? group : "",
        .peer_group = accused->kind == SUSPECT_BETWEEN ? peer_group : "",
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

int find_accused(struct finding *finding, int family)
{
    const struct accused_list *accused = &finding->accused[family];
    size_t before = finding->suspects.count;

    for (uint32_t i = 0; i < accused->count; i++)
        if (!is_no_core(finding, &accused->items[i]) &&
            !said_before(finding, before, &accused->items[i]) &&
            add_accused(finding, &finding->families[family], &accused->items[i]) < 0)
            return -ENOMEM;
    return 0;
}

int find_levels(struct finding *finding, int family)
{
    const struct flows *flows = &finding->families[family];
    enum phase phase = flows_phase(flows);
    double *room = arena_alloc(finding->arena, ((size_t)flows->count + 1) * sizeof(*room));

    if (flows->part[0]) /* of the node as a whole */
        return 0;
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
        far = SIGMAS_95 * STATS_MEDIAN_SPREAD * finding_noise(flows, phase) / sqrt(k);
        level->value = flows_value(flows, phase, x);
        level->low = flows_value(flows, phase, x - far);
        level->high = flows_value(flows, phase, x + far);
        order_ends(&level->low, &level->high);
    }
    return 0;
}

int find_own(struct finding *finding)
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
            .peer_group = "",
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

int find_troubled(struct finding *finding)
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
            .peer_group = "",
            .value = NAN,
            .low = NAN,
            .high = NAN,
            .typical = NAN,
            .slower = troubled->kind == SUSPECT_LOST ? 1 : 0,
            .confidence = FINDING_SURE,
            .slow = troubled->times,
            .decide = {MEASURE_NOBODY, MEASURE_NOBODY},
            .sentence = troubled->sentence,
        };
    }
    return 0;
}
