#include "fleet/split.h"

#include "base/hash.h"
#include "fleet/sets.h"
#include "fleet/tool.h"

#include <errno.h>
#include <stdlib.h>

/* What moves along with a setting counts less than the setting; but a rule that accounts for all
 * that changed comes before one that claims most of it (ASPM before its L1 substates). */
#define MOVES_SHARE 0.85

/* How rules name that a device, a port or a module is not there, or is one too many. */
#define PATH_MISSING "missing"
#define PATH_EXTRA   "extra"

struct part { /* of a bundle: one deviation at hand */
    struct deviation deviation;
    const struct claims *claims;
    bool taken;
    bool beside; /* at the port above a device that is absent: its link fields are no cause */
};

struct splitter {
    struct arena *arena;
    const struct fleet *fleet;
    const struct diff *diff;
    struct naming *naming;
    VEC(struct fold) folds;
    VEC(struct part) parts;
    VEC(struct deviation) list;
    double *settings, *moves; /* per rule: facts of the bundle that it claims */
    uint32_t rules;
    uint8_t *presence; /* per column: the subject itself comes or goes in this bundle */
};

struct splitter *splitter_new(struct arena *arena, const struct fleet *fleet,
                              const struct diff *diff, struct naming *naming)
{
    struct splitter *splitter = calloc(1, sizeof(*splitter));

    if (!splitter)
        return NULL;
    splitter->arena = arena;
    splitter->fleet = fleet;
    splitter->diff = diff;
    splitter->naming = naming;
    splitter->rules = (uint32_t)fleet->judge->count();
    splitter->settings = calloc(splitter->rules + 1, sizeof(double));
    splitter->moves = calloc(splitter->rules + 1, sizeof(double));
    splitter->presence = calloc(diff->alignment->column_count + 1, 1);
    if (!splitter->settings || !splitter->moves || !splitter->presence) {
        splitter_free(splitter);
        return NULL;
    }
    return splitter;
}

void splitter_free(struct splitter *splitter)
{
    if (!splitter)
        return;
    vec_done(&splitter->folds);
    vec_done(&splitter->parts);
    vec_done(&splitter->list);
    free(splitter->settings);
    free(splitter->moves);
    free(splitter->presence);
    free(splitter);
}

static const struct field *field_of(const struct splitter *splitter, const struct part *part)
{
    return &splitter->diff->fields.items[part->deviation.field];
}

static bool is_presence(const struct field *field)
{
    return field->key == 0 && !field->rule;
}

/* ---- naming ---- */

static double rule_score(const struct splitter *splitter, uint32_t rule, double total)
{
    return 10 * (splitter->settings[rule] + MOVES_SHARE * splitter->moves[rule]) / total +
           0.6 * rule_weight(splitter->fleet->judge->at(rule));
}

static double count_finding(struct splitter *splitter, const struct rule *rule)
{
    for (uint32_t r = 0; r < splitter->rules; r++)
        if (splitter->fleet->judge->at(r) == rule)
            splitter->settings[r]++;
    return 1;
}

/* A rule's own finding is its setting; else what the rule says of the path. */
static enum claim claim_of(const struct splitter *splitter, const struct part *part,
                           const struct rule *rule)
{
    const struct field *field = field_of(splitter, part);

    if (field->rule)
        return field->rule == rule ? CLAIM_SETTING : CLAIM_NONE;
    return part->claims ? claims_of(part->claims, rule) : CLAIM_NONE;
}

/* Does the deeper rule's setting move all that is the other's setting, and not the other way round?
 * An IOMMU that is on makes the kernel ask for ACS. */
static bool is_behind(const struct splitter *splitter, const struct rule *deeper,
                      const struct rule *other)
{
    bool own = false, moves = false;

    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct part *part = &splitter->parts.items[p];
        enum claim here = part->taken ? CLAIM_NONE : claim_of(splitter, part, deeper);
        enum claim there = part->taken ? CLAIM_NONE : claim_of(splitter, part, other);

        if (there == CLAIM_SETTING && here == CLAIM_NONE && !field_of(splitter, part)->rule)
            return false;
        moves |= there == CLAIM_SETTING && here == CLAIM_MOVES;
        own |= here == CLAIM_SETTING && there == CLAIM_NONE;
    }
    return own && moves;
}

/* The rule behind the others comes first. */
static void put_cause_first(const struct splitter *splitter, const struct rule **best,
                            uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct rule *deeper = best[i];

        if (!is_behind(splitter, deeper, best[0]))
            continue;
        memmove(best + 1, best, i * sizeof(*best));
        best[0] = deeper;
    }
}

/* Rules that claim a setting among the parts that are left, best first, at most 5. */
static uint32_t best_rules(struct splitter *splitter, const struct rule **best)
{
    double scores[5] = {0}, total = 0;
    uint32_t found = 0;

    for (uint32_t r = 0; r < splitter->rules; r++)
        splitter->settings[r] = splitter->moves[r] = 0;
    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct part *part = &splitter->parts.items[p];

        if (!part->taken && field_of(splitter, part)->rule)
            total += count_finding(splitter, field_of(splitter, part)->rule);
        if (part->taken || !part->claims)
            continue;
        total++;
        for (uint32_t c = 0; !part->beside && c < part->claims->count; c++)
            *(part->claims->items[c].claim == CLAIM_SETTING
                  ? &splitter->settings[part->claims->items[c].index]
                  : &splitter->moves[part->claims->items[c].index]) += 1;
    }
    for (uint32_t r = 0; r < splitter->rules; r++) {
        double score = splitter->settings[r] > 0 ? rule_score(splitter, r, total) : 0;
        uint32_t at = found < 5 ? found : 5;

        if (score <= 0)
            continue;
        while (at > 0 && scores[at - 1] < score)
            at--;
        if (at == 5)
            continue;
        for (uint32_t i = found < 5 ? found : 4; i > at; i--) {
            scores[i] = scores[i - 1];
            best[i] = best[i - 1];
        }
        scores[at] = score;
        best[at] = splitter->fleet->judge->at(r);
        if (found < 5)
            found++;
    }
    put_cause_first(splitter, best, found);
    return found;
}

/* ---- taking parts out ---- */

/* What has been put into `list` as a new cause. */
static int emit(struct splitter *splitter, enum difference_kind kind,
                const struct rule *const *rules, uint32_t rule_count, struct node_set nodes)
{
    struct fold *fold;

    if (!splitter->list.count)
        return 0;
    fold = vec_push(&splitter->folds);
    if (!fold)
        return -ENOMEM;
    fold->kind = kind;
    fold->nodes = nodes;
    fold->rule = rule_count ? rules[0] : NULL;
    for (uint32_t i = 1; i < rule_count && i <= ARRAY_LEN(fold->also); i++)
        fold->also[i - 1] = rules[i];
    fold->count = (uint32_t)splitter->list.count;
    fold->deviations =
        arena_alloc(splitter->arena, splitter->list.count * sizeof(*fold->deviations));
    if (!fold->deviations)
        return -ENOMEM;
    memcpy(fold->deviations, splitter->list.items,
           splitter->list.count * sizeof(*fold->deviations));
    splitter->list.count = 0;
    return 0;
}

static int take(struct splitter *splitter, struct part *part)
{
    struct deviation *slot = vec_push(&splitter->list);

    if (!slot)
        return -ENOMEM;
    *slot = part->deviation;
    part->taken = true;
    return 0;
}

/* Those with this rule's claim. */
static int take_rule(struct splitter *splitter, const struct rule *rule)
{
    for (size_t p = 0; p < splitter->parts.count; p++) {
        struct part *part = &splitter->parts.items[p];

        if (!part->taken && claim_of(splitter, part, rule) != CLAIM_NONE &&
            take(splitter, part) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- devices that come or go ---- */

/* The topmost column, from this one up, that comes or goes; -1: none does. */
static int top_of(const struct splitter *splitter, int column)
{
    int top = -1;

    for (; column >= 0; column = splitter->diff->alignment->columns[column].parent)
        if (splitter->presence[column])
            top = column;
    return top;
}

static void mark_presence(struct splitter *splitter, bool on)
{
    bool any = false;

    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct field *field = field_of(splitter, &splitter->parts.items[p]);

        if (is_presence(field))
            splitter->presence[field->column] = any = on;
    }
    if (!any)
        return;
    for (size_t p = 0; p < splitter->parts.count; p++) {
        struct part *part = &splitter->parts.items[p];
        uint32_t column = field_of(splitter, part)->column;

        if (splitter->diff->alignment->columns[column].device != DEVICE_BRIDGE)
            continue;
        for (uint32_t c = 0; !part->beside && c < splitter->diff->alignment->column_count; c++)
            part->beside = splitter->presence[c] &&
                           splitter->diff->alignment->columns[c].parent == (int32_t)column;
    }
}

static size_t root_length(const char *slot)
{
    return strcspn(slot, "/");
}

/* Do two columns sit on one root bus of which nothing is left? */
static bool share_lost_root(const struct splitter *splitter, int a, int b)
{
    const struct alignment *alignment = splitter->diff->alignment;
    const char *root = alignment->columns[a].key;
    size_t length = root_length(root);

    if (alignment->columns[a].kind != SUBJECT_PCI || alignment->columns[b].kind != SUBJECT_PCI ||
        root_length(alignment->columns[b].key) != length ||
        memcmp(root, alignment->columns[b].key, length) != 0)
        return false;
    for (uint32_t c = 0; c < alignment->column_count; c++)
        if (alignment->columns[c].kind == SUBJECT_PCI && !splitter->presence[c] &&
            root_length(alignment->columns[c].key) == length &&
            memcmp(root, alignment->columns[c].key, length) == 0)
            return false;
    return true;
}

static enum difference_kind presence_kind(const struct splitter *splitter, const struct part *part)
{
    return field_of(splitter, part)->values[part->deviation.value].absent ? DIFF_MISSING_DEVICE
                                                                          : DIFF_EXTRA_DEVICE;
}

static const struct rule *heavier(const struct rule *a, const struct rule *b)
{
    return !a || (b && rule_weight(b) > rule_weight(a)) ? b : a;
}

/* The heaviest rule that is about this device being there or not. */
static const struct rule *presence_rule(const struct splitter *splitter, const struct part *part)
{
    const struct rule *best = NULL;

    for (uint32_t i = 0; is_presence(field_of(splitter, part)) && i < part->claims->count; i++)
        if (part->claims->items[i].claim == CLAIM_SETTING)
            best = heavier(best, part->claims->items[i].rule);
    return best;
}

/* One cause for each place where something comes or goes, with all behind it and the port above. */
static int split_presence(struct splitter *splitter, struct node_set nodes)
{
    const struct column *columns = splitter->diff->alignment->columns;
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];
        enum difference_kind kind;
        const struct rule *rule;
        int top, above;

        if (part->taken || !is_presence(field_of(splitter, part)))
            continue;
        top = top_of(splitter, (int)field_of(splitter, part)->column);
        above = columns[top].parent;
        kind = presence_kind(splitter, part);
        rule = NULL;
        for (size_t q = 0; q < splitter->parts.count && r == 0; q++) {
            struct part *other = &splitter->parts.items[q];
            int column = (int)field_of(splitter, other)->column,
                other_top = top_of(splitter, column);
            bool same =
                other_top >= 0 &&
                (other_top == top || (above >= 0 ? columns[other_top].parent == above
                                                 : share_lost_root(splitter, top, other_top)));

            if (other->taken || !(same || (above >= 0 && column == above &&
                                           columns[above].device == DEVICE_BRIDGE)))
                continue;
            rule = heavier(rule, presence_rule(splitter, other));
            r = take(splitter, other);
        }
        if (r == 0)
            r = emit(splitter, kind, &rule, rule != NULL, nodes);
    }
    return r;
}

/* ---- the rest ---- */

/* Of the other rules, those that claim a setting among what the best one takes. */
static uint32_t best_of_list(const struct splitter *splitter, const struct rule **best,
                             uint32_t count)
{
    uint32_t kept = 1;

    for (uint32_t b = 1; b < count; b++)
        for (size_t p = 0; p < splitter->parts.count; p++) {
            const struct part *part = &splitter->parts.items[p];

            if (part->taken || claim_of(splitter, part, best[0]) == CLAIM_NONE ||
                claim_of(splitter, part, best[b]) != CLAIM_SETTING)
                continue;
            best[kept++] = best[b];
            break;
        }
    return kept;
}

/* And BIOS options whose setting is out of sight, but which would move all that and more: an IOMMU
 * behind the redirection of ACS. The counts are those of best_rules. */
static uint32_t add_deeper(const struct splitter *splitter, const struct rule **best,
                           uint32_t count)
{
    double covered = 0;

    for (uint32_t r = 0; r < splitter->rules; r++)
        if (splitter->fleet->judge->at(r) == best[0])
            covered = splitter->settings[r] + splitter->moves[r];
    for (uint32_t r = 0; r < splitter->rules && count < 5; r++)
        if (splitter->settings[r] == 0 && splitter->moves[r] > covered && covered > 1 &&
            splitter->fleet->judge->at(r)->bios)
            best[count++] = splitter->fleet->judge->at(r);
    return count;
}

static int split_by_rules(struct splitter *splitter, struct node_set nodes)
{
    const struct rule *best[5];
    uint32_t rules;
    int r = 0;

    while (r == 0 && (rules = best_rules(splitter, best)) > 0) {
        rules = add_deeper(splitter, best, best_of_list(splitter, best, rules));
        r = take_rule(splitter, best[0]);
        if (r == 0)
            r = emit(splitter, DIFF_SETTING, best, rules, nodes);
    }
    return r;
}

static int split_by_block(struct splitter *splitter, struct node_set nodes)
{
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        uint32_t block = field_of(splitter, &splitter->parts.items[p])->block;

        if (splitter->parts.items[p].taken)
            continue;
        for (size_t q = p; q < splitter->parts.count && r == 0; q++)
            if (!splitter->parts.items[q].taken &&
                field_of(splitter, &splitter->parts.items[q])->block == block)
                r = take(splitter, &splitter->parts.items[q]);
        if (r == 0)
            r = emit(splitter, DIFF_SETTING, NULL, 0, nodes);
    }
    return r;
}

static int keep_whole(struct splitter *splitter, struct node_set nodes)
{
    const struct rule *best[5];
    uint32_t rules = best_rules(splitter, best);
    enum difference_kind kind = DIFF_SETTING;
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];

        if (part->taken)
            continue;
        if (is_presence(field_of(splitter, part)) && kind != DIFF_MISSING_DEVICE)
            kind = presence_kind(splitter, part);
        r = take(splitter, part);
    }
    return r < 0 ? r : emit(splitter, kind, best, rules, nodes);
}

/* Take what the scan explains; `all`: also blocks that a rule knows. */
static int take_tool(struct splitter *splitter, const struct tool_scan *scan, bool all)
{
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];
        bool named = !all && part->claims && part->claims->count;

        if (!part->taken &&
            tool_explains(scan, field_of(splitter, part), part->deviation.value, named))
            r = take(splitter, part);
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
            !tool_explains(scan, field_of(splitter, part), part->deviation.value, false))
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
        any |= field_of(splitter, &splitter->parts.items[p])->in_block;
    if (!any)
        return 0;
    scan = tool_scan_new(splitter->fleet, splitter->diff->nodes, nodes);
    if (!scan)
        return -ENOMEM;
    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        const struct part *part = &splitter->parts.items[p];

        r = tool_scan_add(scan, field_of(splitter, part), part->deviation.value);
    }
    if (r == 0 && tool_scan_sure(scan)) {
        r = take_tool(splitter, scan, false);
        if (r == 0 && only_vanished(splitter, scan))
            r = take_tool(splitter, scan, true);
    }
    tool_scan_free(scan);
    return r < 0 ? r : emit(splitter, DIFF_TOOL_VERSION, NULL, 0, nodes);
}

int split_bundle(struct splitter *splitter, const struct deviation *deviations, uint32_t count,
                 struct node_set nodes, bool apart)
{
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
    mark_presence(splitter, true);
    r = split_tool(splitter, nodes);
    if (r == 0 && apart)
        r = split_presence(splitter, nodes);
    if (r == 0 && apart)
        r = split_by_rules(splitter, nodes);
    if (r == 0)
        r = apart ? split_by_block(splitter, nodes) : keep_whole(splitter, nodes);
    mark_presence(splitter, false);
    return r;
}

int splitter_take(struct splitter *splitter, struct fold_list *out)
{
    size_t count = splitter->folds.count;

    out->items = arena_alloc(splitter->arena, (count + 1) * sizeof(*out->items));
    if (!out->items)
        return -ENOMEM;
    if (count)
        memcpy(out->items, splitter->folds.items, count * sizeof(*out->items));
    out->count = (uint32_t)count;
    return 0;
}

/* ---- order ---- */

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
        if (is_presence(field)) {
            /* Devices before settings; a GPU or NIC before the bridges that went with it. */
            deviation->claim = CLAIM_SETTING + 1 +
                               (column->device != DEVICE_OTHER && column->device != DEVICE_BRIDGE);
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
