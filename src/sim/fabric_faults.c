#include "sim/fabric_faults.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* How slow what is slow is. */
#define NODE_WORST  0.5
#define NODE_BEST   0.9
#define CABLE_WORST 0.3
#define CABLE_BEST  0.8
#define LEAF_WORST  0.4
#define LEAF_BEST   0.85

#define HIDDEN_SIGMAS 5.0 /* 4, and what the two levels are not sure of */

#define ONE_WAY 0.33 /* so many of the faults are in one direction */
#define WHOLE   0.3  /* so many bad leaves are slow inside, too */

static double *ones(size_t count)
{
    double *values = malloc((count + 1) * sizeof(*values));

    for (size_t i = 0; values && i < count; i++)
        values[i] = 1;
    return values;
}

static double between(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_unit(rng);
}

static struct fabric_fault *add(struct fabric_plan *plan, struct rng *rng,
                                enum fabric_fault_kind kind, double worst, double best)
{
    struct fabric_fault *fault = &plan->faults[*plan->fault_count];
    bool one_way = rng_unit(rng) < ONE_WAY, sends = rng_next(rng) & 1;

    if (*plan->fault_count < FABRIC_FAULTS_MAX)
        (*plan->fault_count)++;
    *fault = (struct fabric_fault){.kind = kind,
                                   .node = MEASURE_NOBODY,
                                   .leaf = MEASURE_NOBODY,
                                   .spine = MEASURE_NOBODY,
                                   .other = MEASURE_NOBODY,
                                   .sends = !one_way || sends,
                                   .receives = !one_way || !sends,
                                   .factor = between(rng, worst, best)};
    return fault;
}

static bool planted(const struct fabric_plan *plan, uint32_t node)
{
    for (uint32_t i = 0; i < *plan->fault_count; i++)
        if (plan->faults[i].node == node)
            return true;
    return false;
}

static void slow_node(struct fabric_plan *plan, const struct fabric_fault *fault, uint32_t node)
{
    if (fault->sends)
        plan->send[node] = fault->factor;
    if (fault->receives)
        plan->receive[node] = fault->factor;
}

static void plant_nodes(struct fabric_plan *plan, struct rng *rng, uint32_t n)
{
    uint32_t count = (uint32_t)(plan->config->slow_nodes * n + 0.5);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = (uint32_t)rng_below(rng, n);
        struct fabric_fault *fault;

        if (planted(plan, node))
            continue;
        fault = add(plan, rng, FAULT_NODE, NODE_WORST, NODE_BEST);
        fault->kind = fault->sends && fault->receives ? FAULT_NODE : FAULT_NODE_WAY;
        fault->node = node;
        slow_node(plan, fault, node);
    }
}

static void plant_leaf(struct fabric_plan *plan, struct rng *rng)
{
    uint32_t leaf = (uint32_t)rng_below(rng, plan->config->leaves);
    struct fabric_fault *fault = add(plan, rng, FAULT_LEAF, LEAF_WORST, LEAF_BEST);

    fault->leaf = leaf;
    fault->sends = fault->receives = true;
    plan->leaf_out[leaf] = fault->factor;
    if (rng_unit(rng) < WHOLE)
        plan->leaf_inside[leaf] = fault->factor;
}

static void plant_join(struct fabric_plan *plan, struct rng *rng)
{
    uint32_t leaves = plan->config->leaves, leaf = (uint32_t)rng_below(rng, leaves);
    struct fabric_fault *fault = add(plan, rng, FAULT_JOIN, LEAF_WORST, LEAF_BEST);

    fault->leaf = leaf;
    fault->other = (leaf + 1 + (uint32_t)rng_below(rng, leaves - 1)) % leaves;
    plan->join = fault;
}

static void plant_cables(struct fabric_plan *plan, struct rng *rng, uint32_t n)
{
    uint32_t spines = plan->config->spines, uplinks = plan->config->leaves * spines;
    uint32_t count = (uint32_t)(plan->config->bad_cables * (n + uplinks));

    for (uint32_t i = 0; i < (count ? count : 1); i++) {
        uint32_t at = (uint32_t)rng_below(rng, n + uplinks);
        struct fabric_fault *fault;

        if (at < n && planted(plan, at))
            continue;
        fault = add(plan, rng, FAULT_CABLE, CABLE_WORST, CABLE_BEST);
        if (at < n) {
            fault->node = at;
            slow_node(plan, fault, at);
            continue;
        }
        at -= n;
        fault->leaf = at / spines;
        fault->spine = at % spines;
        if (fault->sends)
            plan->up[at] = fault->factor;
        if (fault->receives)
            plan->down[at] = fault->factor;
    }
}

/* What hides behind something about as slow, which all that it carries crosses as well: within five
 * standard deviations of a single measurement nobody can tell them apart. */
static void hide(struct fabric_plan *plan)
{
    for (uint32_t i = 0; i < *plan->fault_count; i++) {
        struct fabric_fault *fault = &plan->faults[i];
        bool cable = fault->node == MEASURE_NOBODY;
        uint32_t leaf = cable ? fault->leaf : fault->node / plan->config->hosts_each;
        double before = cable ? plan->leaf_out[leaf] : plan->leaf_inside[leaf];

        if (fault->kind == FAULT_JOIN)
            before = fmin(before, plan->leaf_out[fault->other]);
        fault->hidden = fault->kind != FAULT_LEAF && before < 1 &&
                        fault->factor > before * (1 - HIDDEN_SIGMAS * plan->config->noise);
    }
}

int fabric_plan_make(const struct fabric_world_config *config, struct fabric_world_score *score,
                     struct fabric_plan *plan)
{
    struct rng rng = {config->seed * 0x9e3779b97f4a7c15u + 1};
    uint32_t n = config->leaves * config->hosts_each;

    *plan = (struct fabric_plan){.config = config,
                                 .send = ones(n),
                                 .receive = ones(n),
                                 .up = ones((size_t)config->leaves * config->spines),
                                 .down = ones((size_t)config->leaves * config->spines),
                                 .leaf_out = ones(config->leaves),
                                 .leaf_inside = ones(config->leaves),
                                 .leaf_named = calloc(config->leaves, sizeof(uint32_t)),
                                 .faults = score->faults,
                                 .fault_count = &score->fault_count};
    if (!plan->send || !plan->receive || !plan->up || !plan->down || !plan->leaf_out ||
        !plan->leaf_inside || !plan->leaf_named) {
        fabric_plan_done(plan);
        return -ENOMEM;
    }
    if (config->slow_nodes > 0)
        plant_nodes(plan, &rng, n);
    if (config->bad_leaf)
        plant_leaf(plan, &rng);
    if (config->bad_cables > 0)
        plant_cables(plan, &rng, n);
    if (config->bad_join && config->leaves > 1)
        plant_join(plan, &rng);
    hide(plan);
    return 0;
}

void fabric_plan_done(struct fabric_plan *plan)
{
    free(plan->send);
    free(plan->receive);
    free(plan->up);
    free(plan->down);
    free(plan->leaf_out);
    free(plan->leaf_inside);
    free(plan->leaf_named);
}

/* The spine that carries what goes from one node to another, both in different leaves. */
static uint32_t spine_of(const struct fabric_world_config *config, uint32_t from, uint32_t to)
{
    struct rng hash = {(uint64_t)from << 32 | to};

    return (uint32_t)(config->hashed ? rng_below(&hash, config->spines) : to % config->spines);
}

double fabric_plan_speed(const struct fabric_plan *plan, uint32_t from, uint32_t to)
{
    const struct fabric_world_config *config = plan->config;
    uint32_t a = from / config->hosts_each, b = to / config->hosts_each;
    double speed = fmin(plan->send[from], plan->receive[to]);
    uint32_t spine;

    if (a == b)
        return fmin(speed, plan->leaf_inside[a]);
    if (plan->join && ((plan->join->sends && a == plan->join->leaf && b == plan->join->other) ||
                       (plan->join->receives && a == plan->join->other && b == plan->join->leaf)))
        speed = fmin(speed, plan->join->factor);
    spine = spine_of(config, from, to);
    speed = fmin(speed, fmin(plan->leaf_out[a], plan->leaf_out[b]));
    return fmin(speed, fmin(plan->up[(size_t)a * config->spines + spine],
                            plan->down[(size_t)b * config->spines + spine]));
}

/* How many of the suspect's nodes are of the leaf. */
static uint32_t of_leaf(const struct fabric_plan *plan, const struct suspect *suspect,
                        uint32_t leaf)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < suspect->node_count; i++)
        count += suspect->nodes[i] / plan->config->hosts_each == leaf;
    return count;
}

/* Routed by destination, a bad cable from a spine down to a leaf is all that goes to those nodes of
 * the leaf which the spine serves. Without a topology that, and no more, can be said of it. */
static bool is_below(const struct fabric_plan *plan, const struct suspect *suspect,
                     const struct fabric_fault *fault)
{
    uint32_t served = 0;

    for (uint32_t i = 0; i < suspect->node_count; i++)
        served += suspect->nodes[i] % plan->config->spines == fault->spine;
    return suspect->kind == SUSPECT_GROUP && fault->receives && !plan->config->groups_told &&
           !plan->config->hashed && served == suspect->node_count;
}

/* Does the suspect name this fault, and rightly? */
static bool names(const struct fabric_plan *plan, const struct suspect *suspect,
                  const struct fabric_fault *fault, bool *rightly)
{
    uint32_t count = suspect->node_count, each = plan->config->hosts_each, inside;

    *rightly = true;
    if (fault->node != MEASURE_NOBODY) {
        bool both = fault->sends && fault->receives;

        *rightly = suspect->kind == (both           ? SUSPECT_NODE
                                     : fault->sends ? SUSPECT_SENDING
                                                    : SUSPECT_RECEIVING);
        return count == 1 && suspect->nodes[0] == fault->node &&
               (suspect->kind == SUSPECT_NODE || suspect->kind == SUSPECT_SENDING ||
                suspect->kind == SUSPECT_RECEIVING);
    }
    inside = of_leaf(plan, suspect, fault->leaf);
    if (fault->kind == FAULT_JOIN) {
        inside += of_leaf(plan, suspect, fault->other);
        return suspect->kind == SUSPECT_BETWEEN && inside == count && count == 2 * each;
    }
    if (fault->kind == FAULT_LEAF && plan->leaf_inside[fault->leaf] < 1 &&
        !plan->config->groups_told && count == 1 && suspect->kind == SUSPECT_NODE) {
        /* Its nodes are slow with everybody: without a topology nothing says what they share. */
        *rightly = false;
        plan->leaf_named[fault->leaf] += inside;
        return inside == 1;
    }
    if (fault->kind == FAULT_LEAF) /* all of it when it is known; else those that were found */
        return suspect->kind == SUSPECT_GROUP && inside == count && 4 * count >= 3 * each;
    if (suspect->kind == SUSPECT_GROUP_PART) /* without a topology a stranger may be among them */
        return plan->config->groups_told ? inside == count : 10 * inside >= 9 * count;
    return inside == count && is_below(plan, suspect, fault);
}

void fabric_plan_score(const struct fabric_plan *plan, const struct findings_of_fabric *found,
                       struct fabric_world_score *score)
{
    for (uint32_t s = 0; s < found->suspect_count; s++) {
        const struct suspect *suspect = &found->suspects[s];
        bool right = false;

        for (uint32_t i = 0; i < score->fault_count; i++) {
            bool rightly;

            if (!names(plan, suspect, &score->faults[i], &rightly))
                continue;
            score->faults[i].found |= rightly;
            right = true;
            if (score->faults[i].kind == FAULT_LEAF)
                score->faults[i].found |=
                    4 * plan->leaf_named[score->faults[i].leaf] >= 3 * plan->config->hosts_each;
        }
        if (right)
            continue;
        if (!score->false_names++)
            (void)snprintf(score->false_words, sizeof(score->false_words), "%s: %s",
                           suspect_kind_names[suspect->kind], suspect->sentence);
    }
}
