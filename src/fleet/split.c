#include "fleet/split.h"

#include "base/hash.h"
#include "fleet/split_presence.h"
#include "fleet/split_rules.h"
#include "fleet/tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How rules name that a device, a port or a module is not there, or is one too many. */
#define PATH_MISSING "missing"
#define PATH_EXTRA   "extra"

static int split_by_block(struct splitter *splitter, struct node_set nodes)
{
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        uint32_t block = part_field(splitter, &splitter->parts.items[p])->block;

        if (splitter->parts.items[p].taken)
            continue;
        for (size_t q = p; q < splitter->parts.count && r == 0; q++)
            if (!splitter->parts.items[q].taken &&
                part_field(splitter, &splitter->parts.items[q])->block == block)
                r = splitter_take_part(splitter, &splitter->parts.items[q]);
        if (r == 0)
            r = splitter_emit(splitter, DIFF_SETTING, NULL, 0, nodes);
    }
    return r;
}

static int keep_whole(struct splitter *splitter, struct node_set nodes)
{
    const struct rule *best[SPLIT_RULES_MAX];
    uint32_t rules = split_best_rules(splitter, best);
    enum difference_kind kind = DIFF_SETTING;
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];

        if (part->taken)
            continue;
        if (field_is_presence(part_field(splitter, part)) && kind != DIFF_MISSING_DEVICE)
            kind = split_presence_kind(splitter, part);
        r = splitter_take_part(splitter, part);
    }
    return r < 0 ? r : splitter_emit(splitter, kind, best, rules, nodes);
}

/* Take what the scan explains; `all`: also blocks that a rule knows. */
static int take_tool(struct splitter *splitter, const struct tool_scan *scan, bool all)
{
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];
        bool named = !all && part->claims && part->claims->count;

        if (!part->taken &&
            tool_explains(scan, part_field(splitter, part), part->deviation.value, named))
            r = splitter_take_part(splitter, part);
    }
    return r;
}

/* Does nothing speak for a setting but that a block is not printed? An old lspci shows no IOMMU
 * groups; an IOMMU that is off changes more than that. */
static bool only_vanished(const struct splitter *splitter, const struct tool_scan *scan)
{
    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct part *part = &splitter->parts.items[p];

        if (!part->taken &&
            !tool_explains(scan, part_field(splitter, part), part->deviation.value, false))
            return false;
    }
    return true;
}

/* What only a tool's version explains. */
static int split_tool(struct splitter *splitter, struct node_set nodes)
{
    struct tool_scan *scan = NULL;
    bool any = false;
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count; p++)
        any |= part_field(splitter, &splitter->parts.items[p])->in_block;
    if (!any)
        return 0;
    scan = tool_scan_new(splitter->fleet, splitter->diff->nodes, nodes);
    if (!scan)
        return -ENOMEM;
    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        const struct part *part = &splitter->parts.items[p];

        r = tool_scan_add(scan, part_field(splitter, part), part->deviation.value);
    }
    if (r == 0 && tool_scan_sure(scan)) {
        r = take_tool(splitter, scan, false);
        if (r == 0 && only_vanished(splitter, scan))
            r = take_tool(splitter, scan, true);
    }
    tool_scan_free(scan);
    return r < 0 ? r : splitter_emit(splitter, DIFF_TOOL_VERSION, NULL, 0, nodes);
}

static bool has_device(const struct splitter *splitter, const struct fold *fold)
{
    for (uint32_t i = 0; i < fold->count; i++) {
        const struct field *field = &splitter->diff->fields.items[fold->deviations[i].field];

        if (field_is_presence(field) &&
            splitter->diff->alignment->columns[field->column].kind == SUBJECT_PCI)
            return true;
    }
    return false;
}

/* All of `from` becomes a part of `into`, which keeps its name. */
static int join_fold(struct splitter *splitter, struct fold *into, struct fold *from)
{
    size_t count = (size_t)into->count + from->count;
    struct deviation *list = arena_alloc(splitter->arena, count * sizeof(*list));

    if (!list)
        return -ENOMEM;
    memcpy(list, into->deviations, into->count * sizeof(*list));
    memcpy(list + into->count, from->deviations, from->count * sizeof(*list));
    if (from->kind == DIFF_SETTING && !has_device(splitter, into))
        into->kind = DIFF_SETTING; /* more NUMA nodes, which the setting makes */
    into->deviations = list;
    into->count = (uint32_t)count;
    return 0;
}

static bool is_place(const struct splitter *splitter, const struct fold *fold)
{
    return fold->kind == DIFF_MISSING_DEVICE && has_device(splitter, fold);
}

/* Where so many places lost something at once, it is one trouble: a text that was cut off, a riser.
 */
#define PLACES_MAX 4

/* The rule of more places than that; NULL. */
static const struct rule *crowded_rule(const struct splitter *splitter, size_t first)
{
    const struct fold *folds = splitter->folds.items;

    for (size_t i = first; i < splitter->folds.count; i++) {
        uint32_t places = 0;

        for (size_t k = i; k < splitter->folds.count; k++)
            places += folds[k].rule == folds[i].rule && is_place(splitter, &folds[k]);
        if (folds[i].rule && places > PLACES_MAX)
            return folds[i].rule;
    }
    return NULL;
}

/* The cause of this bundle that has the same name as another: a device's before others. */
static struct fold *namesake(const struct splitter *splitter, size_t first, size_t of)
{
    struct fold *folds = splitter->folds.items, *found = NULL;

    for (size_t i = first; i < splitter->folds.count; i++) {
        if (i == of || !folds[i].count || folds[i].rule != folds[of].rule)
            continue;
        if (has_device(splitter, &folds[i]) && (i < of || !has_device(splitter, &folds[of])))
            return &folds[i];
        if (!found && i < of)
            found = &folds[i];
    }
    return found;
}

/* What a rule says of the host and of what is no device of its own (a port of RDMA, a NUMA node)
 * goes to the cause of the same name: a GPU that is missing is missing in nvidia-smi too. Causes
 * from `first` on are those of this bundle. */
static int join_by_rule(struct splitter *splitter, size_t first)
{
    const struct rule *crowded = crowded_rule(splitter, first);
    size_t kept = first;

    for (size_t i = first; i < splitter->folds.count; i++) {
        struct fold *fold = &splitter->folds.items[i], *into;

        if (!fold->rule || fold->rule->severity == SEVERITY_INFO ||
            (has_device(splitter, fold) && !(is_place(splitter, fold) && fold->rule == crowded)))
            continue;
        into = namesake(splitter, first, i);
        if (into && join_fold(splitter, into, fold) < 0)
            return -ENOMEM;
        if (into)
            fold->count = 0;
    }
    for (size_t i = first; i < splitter->folds.count; i++)
        if (splitter->folds.items[i].count)
            splitter->folds.items[kept++] = splitter->folds.items[i];
    splitter->folds.count = kept;
    return 0;
}

int split_bundle(struct splitter *splitter, const struct deviation *deviations, uint32_t count,
                 struct node_set nodes, bool apart)
{
    size_t first = splitter->folds.count;
    int r;

    splitter->parts.count = splitter->list.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct part *part = vec_push(&splitter->parts);
        const struct field *field = &splitter->diff->fields.items[deviations[i].field];
        const char *who = splitter->diff->alignment->columns[field->column].who;

        if (!part)
            return -ENOMEM;
        part->deviation = deviations[i];
        if (field->rule)
            continue;
        part->claims = naming_claims(splitter->naming, who, field->key,
                                     field->key ? fact_key_name(splitter->fleet->pool, field->key)
                                     : field->values[deviations[i].value].absent ? PATH_MISSING
                                                                                 : PATH_EXTRA);
        if (!part->claims)
            return -ENOMEM;
    }
    split_mark_presence(splitter, true);
    r = split_tool(splitter, nodes);
    if (r == 0 && apart)
        r = split_by_presence(splitter, nodes);
    if (r == 0 && apart)
        r = split_by_rules(splitter, nodes);
    if (r == 0)
        r = apart ? split_by_block(splitter, nodes) : keep_whole(splitter, nodes);
    if (r == 0 && apart)
        r = join_by_rule(splitter, first);
    split_mark_presence(splitter, false);
    return r;
}

static int by_telling(const void *a, const void *b)
{
    const struct deviation *x = a, *y = b;

    if (x->claim != y->claim)
        return x->claim > y->claim ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->field != y->field)
        return x->field < y->field ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

int split_order(struct splitter *splitter, struct fold *fold)
{
    const struct column *columns = splitter->diff->alignment->columns;
    struct map counts = {0};
    int r = 0;

    for (uint32_t i = 0; i < fold->count && r == 0; i++) {
        struct deviation *deviation = &fold->deviations[i];
        const struct field *field = &splitter->diff->fields.items[deviation->field];
        const struct column *column = &columns[field->column];
        uint64_t path = hash_mix(hash64(column->who, strlen(column->who)),
                                 field->rule ? (uintptr_t)field->rule
                                             : (uint64_t)field->key << 16 | field->ordinal);
        uintptr_t before = (uintptr_t)map_get(&counts, path, NULL);

        if (!before)
            r = map_add(&counts, path, (void *)(uintptr_t)1);
        deviation->order = before ? 1 : 0;
        deviation->claim = CLAIM_NONE;
        if (field_is_presence(field)) {
            /* Devices before settings; a GPU or NIC before the bridges that went with it. */
            deviation->claim =
                CLAIM_SETTING + 1 + (column->device != TOPO_OTHER && column->device != TOPO_BRIDGE);
        } else if (field->rule) {
            /* Below the facts that the rule rests on. */
            deviation->claim = CLAIM_NONE;
        } else if (fold->rule) {
            const struct claims *claims =
                naming_claims(splitter->naming, column->who, field->key, field->path);

            if (!claims)
                r = -ENOMEM;
            else
                deviation->claim = (uint8_t)claims_of(claims, fold->rule);
        }
    }
    qsort(fold->deviations, fold->count, sizeof(*fold->deviations), by_telling);
    map_done(&counts);
    return r;
}
