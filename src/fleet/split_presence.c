#include "fleet/split_presence.h"

#include <string.h>

/* The topmost column, from this one up, that comes or goes; -1: none does. */
static int top_of(const struct splitter *splitter, int column)
{
    int top = -1;

    for (; column >= 0; column = splitter->diff->alignment->columns[column].parent)
        if (splitter->presence[column])
            top = column;
    return top;
}

void split_mark_presence(struct splitter *splitter, bool on)
{
    bool any = false;

    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct field *field = part_field(splitter, &splitter->parts.items[p]);

        if (field_is_presence(field))
            splitter->presence[field->column] = any = on;
    }
    if (!any)
        return;
    for (size_t p = 0; p < splitter->parts.count; p++) {
        struct part *part = &splitter->parts.items[p];
        uint32_t column = part_field(splitter, part)->column;

        if (splitter->diff->alignment->columns[column].device != TOPO_BRIDGE)
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

enum difference_kind split_presence_kind(const struct splitter *splitter, const struct part *part)
{
    return part_field(splitter, part)->values[part->deviation.value].absent ? DIFF_MISSING_DEVICE
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

    for (uint32_t i = 0; field_is_presence(part_field(splitter, part)) && i < part->claims->count;
         i++)
        if (part->claims->items[i].claim == CLAIM_SETTING)
            best = heavier(best, part->claims->items[i].rule);
    return best;
}

/* One cause for each place where something comes or goes, with all behind it and the port above. */
int split_by_presence(struct splitter *splitter, struct node_set nodes)
{
    const struct column *columns = splitter->diff->alignment->columns;
    int r = 0;

    for (size_t p = 0; p < splitter->parts.count && r == 0; p++) {
        struct part *part = &splitter->parts.items[p];
        enum difference_kind kind;
        const struct rule *rule;
        int top, above;

        if (part->taken || !field_is_presence(part_field(splitter, part)))
            continue;
        top = top_of(splitter, (int)part_field(splitter, part)->column);
        above = columns[top].parent;
        kind = split_presence_kind(splitter, part);
        rule = NULL;
        for (size_t q = 0; q < splitter->parts.count && r == 0; q++) {
            struct part *other = &splitter->parts.items[q];
            int column = (int)part_field(splitter, other)->column,
                other_top = top_of(splitter, column);
            bool same =
                other_top >= 0 &&
                (other_top == top || (above >= 0 ? columns[other_top].parent == above
                                                 : share_lost_root(splitter, top, other_top)));

            if (other->taken ||
                !(same || (above >= 0 && column == above && columns[above].device == TOPO_BRIDGE)))
                continue;
            rule = heavier(rule, presence_rule(splitter, other));
            r = splitter_take_part(splitter, other);
        }
        if (r == 0)
            r = splitter_emit(splitter, kind, &rule, rule != NULL, nodes);
    }
    return r;
}
