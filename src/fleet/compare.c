#include "fleet/model.h"

#include "fleet/diff.h"
#include "fleet/fold.h"
#include "fleet/rank.h"
#include "fleet/renumber.h"

#include <errno.h>
#include <stdlib.h>

/* Bounds on the answer: differences, and fields listed of one (all are counted). */
#define DIFFERENCES_MAX 2000
#define FIELDS_MAX      2048

typedef VEC(struct difference) difference_list;

/* ---- titles ---- */

static const char *place_of(const struct diff *diff, const struct field *field)
{
    return diff->alignment->columns[field->column].role;
}

/* Which of a cause's devices its title names: a GPU or a NIC, not the bridge above it, and not the
 * port of RDMA that a NIC has. */
static unsigned device_telling(const struct column *column)
{
    if (column->kind != SUBJECT_PCI)
        return 0;
    switch (column->device) {
    case TOPO_GPU:
        return 4;
    case TOPO_NIC:
    case TOPO_NVSWITCH:
        return 3;
    case TOPO_BRIDGE:
        return 1;
    default:
        return 2;
    }
}

static const char *title_devices(struct arena *arena, const struct diff *diff,
                                 const struct fold *fold)
{
    const char *verb = fold->kind == DIFF_MISSING_DEVICE ? "missing" : "extra";
    uint32_t devices = 0, others = 0;
    const struct column *first = NULL;

    for (uint32_t i = 0; i < fold->count; i++) {
        const struct field *field = &diff->fields.items[fold->deviations[i].field];
        const struct column *column = &diff->alignment->columns[field->column];

        if (field->key || field->rule)
            continue;
        *(column->kind == SUBJECT_PCI ? &devices : &others) += 1;
        if (!first || device_telling(column) > device_telling(first))
            first = column;
    }
    if (!devices)
        devices = others;
    if (devices == 1)
        return arena_printf(arena, "%s is %s", first->role, verb);
    return arena_printf(arena, "%s and %u more device%s are %s", first ? first->role : "a device",
                        devices - 1, devices == 2 ? "" : "s", verb);
}

static const char *title_fields(struct arena *arena, const struct diff *diff,
                                const struct fold *fold, bool flipped)
{
    const struct field *field = &diff->fields.items[fold->deviations[0].field];
    const struct field_value *values = field->values;
    uint32_t odd = fold->deviations[0].value;
    const char *has = values[flipped ? 0 : odd].text, *others = values[flipped ? odd : 0].text;

    if (fold->count == 1)
        return arena_printf(arena, "%s %s is %.80s instead of %.80s", place_of(diff, field),
                            field->path, has, others);
    return arena_printf(arena, "%s %s is %.80s instead of %.80s, and %u more",
                        place_of(diff, field), field->path, has, others, fold->count - 1);
}

static const char *title_of(struct arena *arena, const struct diff *diff, const struct fold *fold,
                            bool flipped)
{
    if (fold->kind == DIFF_MISSING_DEVICE || fold->kind == DIFF_EXTRA_DEVICE)
        return title_devices(arena, diff, fold);
    if (fold->kind == DIFF_TOOL_VERSION)
        return arena_printf(arena, "another version of lspci printed it: %u facts only on one side",
                            fold->count);
    if (fold->rule)
        return fold->rule->title;
    return title_fields(arena, diff, fold, flipped);
}

/* ---- output ---- */

static int write_field(struct arena *arena, const struct diff *diff,
                       const struct deviation *deviation, bool flipped, struct diff_field *out)
{
    const struct field *field = &diff->fields.items[deviation->field];
    struct diff_value *values = arena_alloc(arena, field->value_count * sizeof(*values));

    if (!values)
        return -ENOMEM;
    for (uint32_t v = 0; v < field->value_count; v++) {
        const struct field_value *value = &field->values[flipped ? field->value_count - 1 - v : v];

        values[v] = (struct diff_value){value->text, value->set->nodes};
    }
    *out = (struct diff_field){
        .role = field->rule ? "rule" : place_of(diff, field),
        .path = field->key || field->rule ? field->path : "device",
        .place = diff->alignment->columns[field->column].key,
        .values = values,
        .value_count = field->value_count,
    };
    return 0;
}

/* The nodes of the first field's majority. */
static struct node_set other_side(const struct diff *diff, const struct fold *fold)
{
    return diff->fields.items[fold->deviations[0].field].values[0].set->nodes;
}

/* Of the other rules that know its fields, those that find fault with a node that carries it. */
static void keep_also(const struct fleet *fleet, const struct fold *fold, struct difference *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < ARRAY_LEN(fold->also) && fold->also[i]; i++)
        for (uint32_t n = 0; n < out->nodes.count; n++)
            if (rank_fires(&fleet->nodes.items[out->nodes.nodes[n]], fold->also[i])) {
                out->also[kept++] = fold->also[i];
                break;
            }
}

static int write_fold(struct fleet *fleet, const struct diff *diff, const struct fold *fold,
                      uint32_t cohort, struct difference *out)
{
    bool flipped = rank_should_flip(fleet, diff, fold);
    uint32_t listed = fold->count < FIELDS_MAX ? fold->count : FIELDS_MAX, kept = 0, facts = 0;
    struct diff_field *fields = arena_alloc(fleet->arena, listed * sizeof(*fields));

    if (!fields)
        return -ENOMEM;
    for (uint32_t i = 0; i < listed; i++) {
        /* A field with several odd values of one cause is told once. */
        if (i && fold->deviations[i].field == fold->deviations[i - 1].field)
            continue;
        if (write_field(fleet->arena, diff, &fold->deviations[i], flipped, &fields[kept++]) < 0)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < fold->count; i++)
        facts += !diff->fields.items[fold->deviations[i].field].rule;
    *out = (struct difference){
        .kind = fold->kind,
        .cohort = cohort,
        .cause = fold->rule,
        .title = title_of(fleet->arena, diff, fold, flipped),
        .nodes = flipped ? other_side(diff, fold) : fold->nodes,
        .fields = fields,
        .field_count = kept,
        .changed_facts = facts,
        .score = rank_score(fleet, diff, fold),
    };
    keep_also(fleet, fold, out);
    return out->title ? 0 : -ENOMEM;
}

static int by_score(const void *a, const void *b)
{
    const struct difference *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->cohort != y->cohort)
        return x->cohort < y->cohort ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank; /* as found */
}

static int compare_cohort(struct fleet *fleet, uint32_t cohort, struct naming *naming,
                          difference_list *list)
{
    struct node_set nodes = fleet->members[cohort];
    struct alignment alignment;
    struct diff diff = {0};
    struct fold_list folds = {0};
    struct difference shifted;
    bool found = false;
    int r = align_nodes(fleet->arena, fleet, nodes, &alignment);

    if (r == 0)
        r = diff_find(fleet->arena, fleet, &alignment, nodes, &diff);
    if (r == 0)
        r = fold_diff(fleet->arena, fleet, &diff, naming, &folds);
    for (uint32_t i = 0; i < folds.count && r == 0; i++) {
        struct difference *slot = vec_push(list);

        r = slot ? write_fold(fleet, &diff, &folds.items[i], cohort, slot) : -ENOMEM;
    }
    if (r == 0)
        r = renumber_find(fleet->arena, &alignment, nodes, &shifted, &found);
    if (r == 0 && found) {
        struct difference *slot = vec_push(list);

        shifted.cohort = cohort;
        shifted.score = rank_score(fleet, &diff,
                                   &(struct fold){.kind = DIFF_RENUMBERED, .nodes = shifted.nodes});
        if (slot)
            *slot = shifted;
        else
            r = -ENOMEM;
    }
    diff_done(&diff);
    return r;
}

/* A node that is like no other was compared with none. */
static int tell_alone(struct fleet *fleet, uint32_t cohort)
{
    struct fleet_node *node = &fleet->nodes.items[fleet->members[cohort].nodes[0]];
    size_t bytes = (node->unknown_count + 1) * sizeof(*node->unknowns);
    struct fleet_unknown *unknowns = arena_alloc(fleet->arena, bytes);

    if (!unknowns)
        return -ENOMEM;
    for (uint32_t i = 0; i < node->unknown_count; i++)
        unknowns[i + 1] = node->unknowns[i];
    unknowns[0] = (struct fleet_unknown){.what = "differences from other nodes",
                                         .why = "no other node is of this kind"};
    node->unknowns = unknowns;
    node->unknown_count++;
    return 0;
}

int fleet_compare(struct fleet *fleet, const struct difference **out, size_t *count,
                  struct err *err)
{
    difference_list list = {0};
    struct naming *naming;
    struct difference *kept;
    int r;

    if (fleet->compared) {
        *out = fleet->differences;
        *count = fleet->difference_count;
        return 0;
    }
    naming = naming_new(fleet);
    r = naming ? fleet_group(fleet) : -ENOMEM;
    for (uint32_t c = 0; c < fleet->cohort_count && r == 0; c++)
        r = fleet->members[c].count > 1 ? compare_cohort(fleet, c, naming, &list)
                                        : tell_alone(fleet, c);
    naming_free(naming);
    for (size_t i = 0; i < list.count; i++)
        list.items[i].rank = (uint32_t)i;
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_score);
    if (list.count > DIFFERENCES_MAX)
        list.count = DIFFERENCES_MAX;
    for (size_t i = 0; i < list.count; i++)
        list.items[i].rank = (uint32_t)i + 1;
    kept = r == 0 ? arena_alloc(fleet->arena, (list.count + 1) * sizeof(*kept)) : NULL;
    if (kept && list.count)
        memcpy(kept, list.items, list.count * sizeof(*kept));
    if (r == 0 && kept && fleet->prove)
        r = fleet->prove(fleet, kept, list.count, err);
    if (r < 0 || !kept) {
        vec_done(&list);
        return err_set(err, -ENOMEM, "no memory to compare %zu nodes", fleet->nodes.count);
    }
    fleet->compared = true;
    fleet->differences = *out = kept;
    fleet->difference_count = *count = list.count;
    vec_done(&list);
    return 0;
}
