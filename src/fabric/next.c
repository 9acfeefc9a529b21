#include "fabric/next.h"

#include <errno.h>
#include <stdlib.h>

#define JOIN_NODES   4  /* of either group, that should have met the other when one pair is slow */
#define AGAIN_MAX    3  /* times that an open pair is measured, at most */
#define MATES_WANTED 3  /* of its own group that a suspect should have met */
#define FELLOWS      6  /* other suspects, when groups have to be discovered */
#define PARTNERS_FAR 64 /* ... and nodes in all, for one that is slow in one direction */
#define OTHERS_MANY  24 /* who is not sure after so many will not be */

/* How much is known of pairs, and which nodes of this round are taken. */
struct chooser {
    const struct fabric_result *result;
    const struct flows *flows;
    bool *taken;        /* by node */
    bool *accused;      /* by node: by itself, or one of two */
    bool *in_group;     /* by node: in a group that is */
    bool *fellow;       /* by node: slow by itself, or in a slow group */
    uint32_t *reliable; /* nodes that are well for sure, those with the most flows first */
    uint32_t reliable_count;
    uint32_t *stamp; /* by node: the last node whose partners were marked, plus one */
    struct pair *out;
    uint32_t count, max;
};

static bool usable(const struct chooser *c, uint32_t node)
{
    return c->result->nodes.items[node].fate <= NODE_WELL && !c->taken[node];
}

static void take(struct chooser *c, uint32_t a, uint32_t b)
{
    if (c->count == c->max)
        return;
    c->taken[a] = c->taken[b] = true;
    c->out[c->count++] = a < b ? (struct pair){a, b} : (struct pair){b, a};
}

static uint32_t partner_of(const struct flow *flow, uint32_t node)
{
    return flow->from == node ? flow->to : flow->from;
}

/* Marks whom `node` has met, and counts: mates of its group, others, others that are accused. */
struct met {
    uint32_t mates, others, fellows;
};

static struct met mark_met(struct chooser *c, uint32_t node)
{
    const struct flows *flows = c->flows;
    struct met met = {0};

    for (uint32_t i = flows->start[node]; i < flows->start[node + 1]; i++) {
        uint32_t other = partner_of(&flows->items[flows->list[i]], node);

        if (c->stamp[other] == node + 1)
            continue;
        c->stamp[other] = node + 1;
        if (flows->group[node] != GROUP_NONE && flows->group[other] == flows->group[node])
            met.mates++;
        else
            met.others++;
        met.fellows += c->fellow[other];
    }
    return met;
}

/* A reliable node that `node` has not met; `mate`: one of its group; else not. */
static uint32_t find_reliable(const struct chooser *c, uint32_t node, bool mate)
{
    const uint32_t *group = c->flows->group;

    for (uint32_t i = 0; i < c->reliable_count; i++) {
        uint32_t other = c->reliable[i];
        bool same = group[node] != GROUP_NONE && group[other] == group[node];

        if (same == mate && other != node && usable(c, other) && c->stamp[other] != node + 1 &&
            (mate || !c->in_group[other]))
            return other;
    }
    return MEASURE_NOBODY;
}

/* One node, or what leads to it. */
static bool is_single(const struct accused *accused)
{
    return accused->node_count == 1 &&
           (accused->kind == SUSPECT_NODE || accused->kind == SUSPECT_SENDING ||
            accused->kind == SUSPECT_RECEIVING || accused->kind == SUSPECT_GROUP_PART);
}

/* A suspect that is known too little: with its group, with the rest. */
static void confirm(struct chooser *c, const struct accused *accused)
{
    uint32_t node = accused->nodes[0], other = MEASURE_NOBODY, wanted = 0;
    bool given = c->flows->group[node] != GROUP_NONE, unsure;
    struct met met;

    if (!usable(c, node))
        return;
    met = mark_met(c, node);
    if (!given && accused->kind != SUSPECT_NODE && c->flows->node_count > 2 * PARTNERS_FAR)
        wanted = PARTNERS_FAR;
    unsure = accused->margin < MARGIN_SURE;
    /* What leads out of a slow group says nothing of its nodes: they must be seen inside. */
    if (given &&
        (met.mates < MATES_WANTED || (unsure && c->in_group[node] && met.mates < OTHERS_MANY)))
        other = find_reliable(c, node, true);
    if (other == MEASURE_NOBODY && (met.others < wanted || (unsure && met.others < OTHERS_MANY)))
        other = find_reliable(c, node, false);
    if (other != MEASURE_NOBODY)
        take(c, node, other);
}

/* Without a topology: suspects with each other. Those that share a leaf are fast together. */
static void mix(struct chooser *c, const struct accused_list *accused)
{
    for (uint32_t i = 0; i < accused->count; i++) {
        uint32_t node = accused->items[i].nodes[0];

        if (!is_single(&accused->items[i]) || !usable(c, node) ||
            mark_met(c, node).fellows >= FELLOWS)
            continue;
        for (uint32_t k = 0; k < c->flows->node_count; k++) {
            /* From a place of its own on: not all with the first. */
            uint32_t other = (node + 1 + k) % c->flows->node_count;

            if (c->fellow[other] && other != node && usable(c, other) &&
                c->stamp[other] != node + 1) {
                take(c, node, other);
                break;
            }
        }
    }
}

static bool is_found_group(const struct chooser *c, const struct accused *accused)
{
    return accused->kind == SUSPECT_GROUP && c->flows->group[accused->nodes[0]] == GROUP_NONE;
}

/* Two suspects of which one is a group that was discovered: parts of one, when they are fast with
 * each other. */
static void join(struct chooser *c, const struct accused *group, const struct accused *other)
{
    uint32_t a = MEASURE_NOBODY, b = MEASURE_NOBODY;

    for (uint32_t i = 0; i < group->node_count; i++) {
        (void)mark_met(c, group->nodes[i]);
        if (usable(c, group->nodes[i]) && a == MEASURE_NOBODY)
            a = group->nodes[i];
        for (uint32_t k = 0; k < other->node_count; k++) {
            if (c->stamp[other->nodes[k]] == group->nodes[i] + 1)
                return;
            if (usable(c, other->nodes[k]) && b == MEASURE_NOBODY)
                b = other->nodes[k];
        }
    }
    if (a != MEASURE_NOBODY && b != MEASURE_NOBODY)
        take(c, a, b);
}

static void join_groups(struct chooser *c, const struct accused_list *accused)
{
    for (uint32_t i = 0; i < accused->count; i++)
        for (uint32_t k = 0; k < accused->count && is_found_group(c, &accused->items[i]); k++)
            if (is_single(&accused->items[k]) || (k > i && is_found_group(c, &accused->items[k])))
                join(c, &accused->items[i], &accused->items[k]);
}

/* Two groups between which one pair is slow: nodes of them that have met nobody of the other, so
 * that what joins the groups is told from what joins the two nodes. */
static void ask_groups(struct chooser *c, uint32_t a, uint32_t b)
{
    const struct flows *flows = c->flows;
    uint32_t group[2] = {flows->group[a], flows->group[b]};
    uint32_t stranger[2] = {MEASURE_NOBODY, MEASURE_NOBODY}, met[2] = {0};

    for (uint32_t n = 0; n < flows->node_count; n++) {
        int side = flows->group[n] == group[1];
        bool has_met = false;

        if (flows->group[n] != group[side])
            continue;
        for (uint32_t i = flows->start[n]; i < flows->start[n + 1] && !has_met; i++)
            has_met = flows->group[partner_of(&flows->items[flows->list[i]], n)] == group[!side];
        met[side] += has_met;
        if (!has_met && usable(c, n) && !c->accused[n])
            stranger[side] = n;
    }
    if ((met[0] < JOIN_NODES || met[1] < JOIN_NODES) && stranger[0] != MEASURE_NOBODY &&
        stranger[1] != MEASURE_NOBODY)
        take(c, stranger[0], stranger[1]);
}

static void ask_joins(struct chooser *c, const struct accused_list *accused)
{
    const uint32_t *group = c->flows->group;

    for (uint32_t i = 0; i < accused->count && c->flows->group_count > 2; i++) {
        const struct accused *link = &accused->items[i];
        uint32_t a = link->nodes[0], b = link->nodes[link->node_count - 1];

        if ((link->kind == SUSPECT_LINK || link->kind == SUSPECT_LINK_ONE_WAY) &&
            group[a] != GROUP_NONE && group[b] != GROUP_NONE && group[a] != group[b])
            ask_groups(c, a, b);
    }
}

/* Outliers. What was slow with all others at work and is fast alone is settled. */
static void again(struct chooser *c)
{
    const struct flows *flows = c->flows;

    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];
        bool settled = flow->phase == PHASE_ALONE && flow->times >= AGAIN_MAX;

        if (!flow_is_open(flows, flow))
            continue;
        /* Its other phase stands beside it. */
        for (uint32_t k = i ? i - 1 : 0; k <= i + 1 && k < flows->count; k++) {
            const struct flow *other = &flows->items[k];

            settled |= other->from == flow->from && other->to == flow->to && k != i &&
                       other->phase == PHASE_ALONE &&
                       (other->times >= AGAIN_MAX || !flow_is_open(flows, other));
        }
        if (!settled && usable(c, flow->from) && usable(c, flow->to))
            take(c, flow->from, flow->to);
    }
}

struct known {
    uint32_t node, flows;
};

static int most_known_first(const void *x, const void *y)
{
    const struct known *a = x, *b = y;

    return a->flows != b->flows ? (a->flows > b->flows ? -1 : 1) : a->node < b->node ? -1 : 1;
}

static int find_all_reliable(struct chooser *c)
{
    const struct flows *flows = c->flows;
    struct known *known = malloc(((size_t)flows->node_count + 1) * sizeof(*known));

    if (!known)
        return -ENOMEM;
    for (uint32_t n = 0; n < flows->node_count; n++) {
        uint32_t fast = 0, open = 0;

        for (uint32_t i = flows->start[n]; i < flows->start[n + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];

            open += flow_is_open(flows, flow);
            fast += flow->level == 0 && !flow_is_open(flows, flow);
        }
        if (!c->accused[n] && fast && !open)
            known[c->reliable_count++] = (struct known){n, fast};
    }
    qsort(known, c->reliable_count, sizeof(*known), most_known_first);
    for (uint32_t i = 0; i < c->reliable_count; i++)
        c->reliable[i] = known[i].node;
    free(known);
    return 0;
}

void next_decide(const struct fabric_result *result, const struct flows *flows,
                 const struct accused_list *accused, struct accused *one_of)
{
    uint32_t best = MEASURE_NOBODY, most = 0;

    for (uint32_t n = 0; n < flows->node_count; n++) {
        uint32_t fast = 0, bad = result->nodes.items[n].fate > NODE_WELL;

        for (uint32_t i = 0; i < accused->count; i++)
            for (uint32_t k = 0; k < accused->items[i].node_count; k++)
                bad += accused->items[i].kind != SUSPECT_BETWEEN && accused->items[i].nodes[k] == n;
        for (uint32_t i = flows->start[n]; i < flows->start[n + 1] && !bad; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];

            fast += flow->level == 0 && !flow_is_open(flows, flow);
        }
        if (fast > most) {
            most = fast;
            best = n;
        }
    }
    one_of->decide[0] = best == MEASURE_NOBODY ? MEASURE_NOBODY : one_of->nodes[0];
    one_of->decide[1] = best;
}

static void mark_accused(struct chooser *c, const struct accused *accused)
{
    bool group = accused->kind == SUSPECT_GROUP || accused->kind == SUSPECT_GROUP_PART;

    if (accused->kind == SUSPECT_BETWEEN) /* its nodes are well */
        return;
    for (uint32_t k = 0; k < accused->node_count; k++) {
        uint32_t node = accused->nodes[k];

        (group && accused->node_count > 1 ? c->in_group : c->accused)[node] = true;
        c->fellow[node] |= is_single(accused) || accused->kind == SUSPECT_GROUP;
    }
}

int next_pairs(const struct fabric_result *result, const struct flows *flows,
               const struct accused_list *accused, struct pair *out, uint32_t max)
{
    size_t n = (size_t)flows->node_count + 1;
    struct chooser c = {.result = result, .flows = flows, .out = out, .max = max};
    int r = -ENOMEM;

    c.taken = calloc(n, sizeof(*c.taken));
    c.accused = calloc(n, sizeof(*c.accused));
    c.in_group = calloc(n, sizeof(*c.in_group));
    c.fellow = calloc(n, sizeof(*c.fellow));
    c.reliable = malloc(n * sizeof(*c.reliable));
    c.stamp = calloc(n, sizeof(*c.stamp));
    if (!c.taken || !c.accused || !c.in_group || !c.fellow || !c.reliable || !c.stamp)
        goto out;
    for (uint32_t i = 0; i < accused->count; i++)
        mark_accused(&c, &accused->items[i]);
    if (find_all_reliable(&c) < 0)
        goto out;
    for (uint32_t i = 0; i < accused->count; i++) {
        const struct accused *one_of = &accused->items[i];

        if (one_of->kind == SUSPECT_ONE_OF && one_of->decide[0] != MEASURE_NOBODY &&
            usable(&c, one_of->decide[0]) && usable(&c, one_of->decide[1]))
            take(&c, one_of->decide[0], one_of->decide[1]);
    }
    if (!flows->group_count) {
        mix(&c, accused);
        join_groups(&c, accused);
    }
    for (uint32_t i = 0; i < accused->count; i++)
        if (is_single(&accused->items[i]))
            confirm(&c, &accused->items[i]);
    ask_joins(&c, accused);
    again(&c);
    r = (int)c.count;
out:
    free(c.taken);
    free(c.accused);
    free(c.in_group);
    free(c.fellow);
    free(c.reliable);
    free(c.stamp);
    return r;
}
