#include "fleet/diff.h"

#include "fleet/cells.h"
#include "fleet/judged.h"

#include <errno.h>

/* Is the subject there at all? A node counts when it has a kind of source that shows such subjects.
 */
static int presence_field(struct cells *cells, uint32_t column)
{
    uint32_t count = cells->groups->alignment->columns[column].nodes;
    struct value values[2] = {{.text = "present"}, {.text = "absent", .absent = true}};
    uint64_t kinds = 0;

    if (count == cells->groups->nodes.count)
        return 0;
    cells->buffer.count = 0;
    for (size_t c = 0; c < cells->chosen.count; c++) {
        const struct group *group = &cells->groups->list.items[cells->chosen.items[c]];

        for (uint32_t r = 0; r < group->entry->ref_count; r++)
            kinds |= group->entry->refs[r].kind;
        if (cells_gather(cells, cells->groups->members + group->start, group->count) < 0)
            return -ENOMEM;
    }
    values[0].set = sets_keep(cells->sets, cells->buffer.items, (uint32_t)cells->buffer.count);
    if (!values[0].set)
        return -ENOMEM;
    cells->buffer.count = 0;
    for (uint32_t n = 0; n < cells->groups->nodes.count; n++) {
        uint32_t node = cells->groups->nodes.nodes[n];

        if (cells->groups->fleet->records.items[node].kinds & kinds &&
            !set_has(&values[0].set->nodes, node) && cells_gather(cells, &node, 1) < 0)
            return -ENOMEM;
    }
    if (!cells->buffer.count)
        return 0;
    values[1].set = sets_keep(cells->sets, cells->buffer.items, (uint32_t)cells->buffer.count);
    if (!values[1].set)
        return -ENOMEM;
    for (int i = 0; i < 2; i++) {
        values[i].count = values[i].set->nodes.count;
        values[i].first = values[i].set->nodes.nodes[0];
    }
    /* With two nodes, what one lacks is missing rather than extra on the other. */
    if (values[0].count == values[1].count)
        values[0].first = 0, values[1].first = 1;
    return cells_add_field(cells, (struct field){.column = column, .path = ""}, values, 2);
}

/* Every (name, ordinal) once: with the first group that has it. */
static int compare_column(struct cells *cells, uint32_t column)
{
    struct map seen = {0};
    int r = 0;

    r = cells_choose(cells, column);
    if (r == 0)
        r = presence_field(cells, column);
    for (uint32_t c = 0; cells->chosen.count > 1 && c < cells->chosen.count && r == 0; c++) {
        const struct entry *entry = cells->groups->list.items[cells->chosen.items[c]].entry;

        for (uint32_t i = 0; i < entry->ref_count && r == 0; i++) {
            const struct entry_ref *ref = &entry->refs[i];
            uint64_t name = (uint64_t)ref->block->name << 16 | ref->ordinal;

            if (map_get(&seen, name, NULL))
                continue;
            r = map_add(&seen, name, cells);
            if (r == 0)
                r = cells_compare(cells, column, ref);
        }
    }
    map_done(&seen);
    return r;
}

int diff_find(struct arena *arena, const struct fleet *fleet, const struct alignment *alignment,
              struct node_set nodes, struct diff *out)
{
    struct sets sets = {.arena = arena};
    struct groups groups;
    struct cells cells = {.groups = &groups, .out = out, .arena = arena, .sets = &sets};
    int r = groups_find(&groups, fleet, alignment, nodes);

    *out = (struct diff){.alignment = alignment, .nodes = nodes};
    for (uint32_t c = 0; c < alignment->column_count && r == 0; c++)
        if (groups_differ(&groups, c))
            r = compare_column(&cells, c);
    /* Column 0 is the host: every node has it, first. */
    if (r == 0)
        r = judged_fields(&sets, fleet, nodes, 0, out);
    sets_done(&sets);
    cells_done(&cells);
    groups_done(&groups);
    return r;
}

void diff_done(struct diff *diff)
{
    vec_done(&diff->fields);
}
