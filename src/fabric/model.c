#include "fabric/model_inside.h"

#include "fabric/accuse.h"
#include "fabric/next.h"

#include <errno.h>
#include <math.h>

const char *const suspect_kind_names[SUSPECT_KIND_COUNT] = {
    [SUSPECT_NODE] = "node",
    [SUSPECT_SENDING] = "sending",
    [SUSPECT_RECEIVING] = "receiving",
    [SUSPECT_LINK] = "link",
    [SUSPECT_LINK_ONE_WAY] = "link-one-way",
    [SUSPECT_GROUP] = "group",
    [SUSPECT_GROUP_PART] = "group-part",
    [SUSPECT_BETWEEN] = "between-groups",
    [SUSPECT_CORE] = "core",
    [SUSPECT_ALL] = "all",
    [SUSPECT_ONE_OF] = "one-of",
    [SUSPECT_LOST] = "lost",
    [SUSPECT_FALLBACK] = "fallback",
    [SUSPECT_TROUBLE] = "trouble",
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

/* What looks for suspects, in this order: in each family of flows, then in all of the result. */
static int (*const in_family[])(struct finding *finding, int family) = {
    find_accused, find_core, find_between, find_all, find_levels,
};
static int (*const in_all[])(struct finding *finding) = {find_rails, find_own, find_troubled};

static int find_all_suspects(struct finding *finding)
{
    int r = investigate(finding, FLOW_FAMILIES_MAX);

    for (int f = 0; r == 0 && f < finding->family_count; f++)
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(in_family); i++)
            r = in_family[i](finding, f);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(in_all); i++)
        r = in_all[i](finding);
    return r;
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
            out->noise = finding_noise(&finding->families[0], flows_phase(&finding->families[0]));
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
