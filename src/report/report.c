#include "report/report.h"

#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"
#include "report/story.h"

#include <errno.h>
#include <stdlib.h>

bool report_has_findings(const struct report *report)
{
    if (report->story)
        return report->story->chapter_count > 0;
    if (report->kind != REPORT_INSPECT && report->difference_count)
        return true;
    for (size_t i = 0; i < fleet_node_count(report->fleet); i++) {
        const struct fleet_node *node = fleet_node(report->fleet, i);

        for (uint32_t k = 0; k < node->finding_count; k++)
            if (node->findings[k].rule->severity > SEVERITY_INFO)
                return true;
    }
    return false;
}

const char *report_nodes(struct arena *arena, const struct fleet *fleet, const uint32_t *nodes,
                         uint32_t count)
{
    const char **names;

    if (count > 1 && count == fleet_node_count(fleet))
        return arena_printf(arena, "all %u nodes", count);
    names = arena_alloc(arena, (count + 1) * sizeof(*names));
    if (!names)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        names[i] = fleet_node(fleet, nodes[i])->name;
    return hostlist_fold(arena, names, count);
}

const char *report_sentence(struct arena *arena, const char *title)
{
    char *copy = arena_copy(arena, title, strlen(title));

    /* "nic0 is missing" keeps its name. */
    if (copy && copy[0] >= 'a' && copy[0] <= 'z' && !strpbrk(copy, "0123456789."))
        copy[0] = (char)(copy[0] - 'a' + 'A');
    return copy;
}

bool report_proof_repeats(const struct proof *proofs, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (proofs[i].line == proofs[index].line && proofs[i].binary == proofs[index].binary &&
            !strcmp(proofs[i].source, proofs[index].source) &&
            !strcmp(proofs[i].text, proofs[index].text))
            return true;
    return false;
}

static bool same_values(const struct diff_field *a, const struct diff_field *b)
{
    if (strcmp(a->path, b->path) || a->value_count != b->value_count)
        return false;
    for (uint32_t i = 0; i < a->value_count; i++) {
        const struct diff_value *x = &a->values[i], *y = &b->values[i];

        if (strcmp(x->text, y->text) || x->nodes.count != y->nodes.count)
            return false;
        if (x->nodes.nodes != y->nodes.nodes && x->nodes.count &&
            memcmp(x->nodes.nodes, y->nodes.nodes, x->nodes.count * sizeof(*x->nodes.nodes)) != 0)
            return false;
    }
    return true;
}

/* Fields that are looked at for folding: below it, what is there is what a person could read. */
#define FOLD_FIELDS_MAX 4096

const struct folded_field *report_fold_fields(struct arena *arena,
                                              const struct difference *difference, uint32_t *count)
{
    uint32_t all =
        difference->field_count < FOLD_FIELDS_MAX ? difference->field_count : FOLD_FIELDS_MAX;
    struct folded_field *out = arena_alloc(arena, (all + 1) * sizeof(*out));
    const char **roles = arena_alloc(arena, (all + 1) * sizeof(*roles));
    uint32_t *group = arena_alloc(arena, (all + 1) * sizeof(*group)), groups = 0;

    if (!out || !roles || !group)
        return NULL;
    for (uint32_t i = 0; i < all; i++) {
        uint32_t g = 0;

        while (g < groups && !same_values(out[g].field, &difference->fields[i]))
            g++;
        if (g == groups)
            out[groups++].field = &difference->fields[i];
        group[i] = g;
        out[g].count++;
    }
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t names = 0;

        for (uint32_t i = 0; i < all; i++)
            if (group[i] == g)
                roles[names++] = difference->fields[i].role;
        out[g].roles = hostlist_fold(arena, roles, names);
        if (!out[g].roles)
            return NULL;
    }
    *count = groups;
    return out;
}

static int worst_first(const void *a, const void *b)
{
    const struct grouped *x = a, *y = b;

    if (x->rule->severity != y->rule->severity)
        return x->rule->severity < y->rule->severity ? 1 : -1;
    if (x->node_count != y->node_count)
        return x->node_count < y->node_count ? 1 : -1;
    return x->rule->number < y->rule->number ? -1 : x->rule->number > y->rule->number;
}

long report_group(struct arena *arena, const struct fleet *fleet, const struct grouped **out)
{
    size_t rules = rule_count(), groups = 0;
    struct grouped *items = arena_alloc(arena, (rules + 1) * sizeof(*items));
    uint32_t **nodes = arena_alloc(arena, (rules + 1) * sizeof(*nodes));

    if (!items || !nodes)
        return -ENOMEM;
    for (int pass = 0; pass < 2; pass++) { /* count, then fill */
        for (size_t i = 0; i < fleet_node_count(fleet); i++) {
            const struct fleet_node *node = fleet_node(fleet, i);

            for (uint32_t k = 0; k < node->finding_count; k++) {
                const struct fleet_finding *finding = &node->findings[k];
                struct grouped *group = NULL;

                for (size_t g = 0; g < groups && !group; g++)
                    if (items[g].rule == finding->rule)
                        group = &items[g];
                if (!group) {
                    group = &items[groups++];
                    *group = (struct grouped){.rule = finding->rule, .first = finding};
                }
                if (pass)
                    nodes[group - items][group->node_count] = (uint32_t)i;
                group->node_count++;
            }
        }
        for (size_t g = 0; g < groups && !pass; g++) {
            nodes[g] = arena_alloc(arena, items[g].node_count * sizeof(**nodes));
            if (!nodes[g])
                return -ENOMEM;
            items[g].nodes = nodes[g];
            items[g].node_count = 0;
        }
    }
    if (groups)
        qsort(items, groups, sizeof(*items), worst_first);
    *out = items;
    return (long)groups;
}

const struct difference *report_told_by(const struct report *report, const struct grouped *group)
{
    if (group->node_count == fleet_node_count(report->fleet))
        return NULL;
    for (size_t i = 0; i < report->difference_count; i++)
        if (report->differences[i].cause == group->rule)
            return &report->differences[i];
    for (size_t i = 0; i < report->difference_count; i++) {
        const struct difference *difference = &report->differences[i];

        for (size_t k = 0; k < ARRAY_LEN(difference->also) && difference->also[k]; k++)
            if (difference->also[k] == group->rule)
                return difference;
    }
    return NULL;
}

static bool same_sentence(const void *value, const void *key)
{
    const struct grouped_unknown *a = value;
    const struct fleet_unknown *b = key;

    return !strcmp(a->what, b->what) && !strcmp(a->why, b->why);
}

/* Different sentences that are kept: what is unknown is written by us, so this is far away. */
#define UNKNOWN_GROUPS_MAX 4096

long report_group_unknowns(struct arena *arena, const struct fleet *fleet,
                           const struct grouped_unknown **out)
{
    struct map seen = {.equal = same_sentence};
    struct grouped_unknown *items = arena_alloc(arena, UNKNOWN_GROUPS_MAX * sizeof(*items));
    uint32_t **nodes = arena_alloc(arena, UNKNOWN_GROUPS_MAX * sizeof(*nodes));
    long count = 0;

    if (!items || !nodes)
        return -ENOMEM;
    for (int pass = 0; pass < 2 && count >= 0; pass++) {
        for (size_t i = 0; i < fleet_node_count(fleet) && count >= 0; i++) {
            const struct fleet_node *node = fleet_node(fleet, i);

            for (uint32_t k = 0; k < node->unknown_count; k++) {
                const struct fleet_unknown *unknown = &node->unknowns[k];
                uint64_t hash = hash_mix(hash64(unknown->what, strlen(unknown->what)),
                                         hash64(unknown->why, strlen(unknown->why)));
                struct grouped_unknown *group = map_get(&seen, hash, unknown);

                if (!group && count == UNKNOWN_GROUPS_MAX)
                    continue;
                if (!group) {
                    group = &items[count++];
                    *group = (struct grouped_unknown){.what = unknown->what, .why = unknown->why};
                    if (map_add(&seen, hash, group) < 0) {
                        count = -ENOMEM;
                        break;
                    }
                }
                /* A node that says the same twice counts once. */
                if (pass && (!group->node_count ||
                             nodes[group - items][group->node_count - 1] != (uint32_t)i))
                    nodes[group - items][group->node_count++] = (uint32_t)i;
                else if (!pass)
                    group->node_count++;
            }
        }
        for (long g = 0; g < count && !pass; g++) {
            nodes[g] = arena_alloc(arena, items[g].node_count * sizeof(**nodes));
            if (!nodes[g]) {
                count = -ENOMEM;
                break;
            }
            items[g].nodes = nodes[g];
            items[g].node_count = 0;
        }
    }
    map_done(&seen);
    *out = items;
    return count;
}
