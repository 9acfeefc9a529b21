#include "fabric/model_inside.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

#define RDMA_SHARE  0.8  /* of a port's nominal rate: what RDMA reaches when all is well */
#define NET_SHARE   0.25 /* ... and what one TCP connection does */
#define CORE_SHARE  0.7  /* all at once against alone: less is the core's doing */
#define CORE_SIGMAS 5.0
#define CORE_NODES  4 /* fewer share nothing that could be told from themselves */
#define RAIL_NEED   0.105
#define RAILS_MIN   3

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
        .peer_group = "",
        .value = value,
        .low = value,
        .high = value,
        .typical = typical,
        .slower = 1 - value / typical,
        .confidence = FINDING_SURE,
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

bool finding_has_core(const struct finding *finding)
{
    return finding->result->nodes.count >= CORE_NODES && !is_one_machine(finding->result);
}

/* Bandwidth when all pairs run at once against pairs alone. */
int find_core(struct finding *finding, int family)
{
    const struct flows *flows = &finding->families[family];
    char together[METRIC_VALUE_BYTES], alone[METRIC_VALUE_BYTES];

    if (!finding_has_core(finding))
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

/* Flows across groups beside those inside, where no group is the odd one. */
int find_between(struct finding *finding, int family)
{
    const struct flows *flows = &finding->families[family];
    char across[METRIC_VALUE_BYTES], inside[METRIC_VALUE_BYTES];
    const struct flow_set *alone = flows->sets[PHASE_ALONE];
    double a, b;

    if (flows->metric->lower_is_better || flows->between[PHASE_ALONE] == 0 ||
        !finding_has_core(finding))
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

int find_all(struct finding *finding, int family)
{
    const struct flows *flows = &finding->families[family];
    const struct fabric_result *result = finding->result;
    double typical = flows_value(flows, flows_phase(flows), 0), share = 1, nominal;
    double *rates;
    char value[METRIC_VALUE_BYTES], rate[METRIC_VALUE_BYTES];
    size_t count = 0, all = 0;

    if (strcmp(flows->metric->name, "pair.bandwidth") != 0)
        return 0;
    rates = arena_alloc(finding->arena, (result->measures.count + 1) * sizeof(*rates));
    if (!rates)
        return -ENOMEM;
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
int find_rails(struct finding *finding)
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
