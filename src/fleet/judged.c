#include "fleet/judged.h"

#include <errno.h>
#include <stdlib.h>

/* Per rule met: the nodes on which it was found or not known, in rising order. */
struct judged {
    const struct rule *rule;
    VEC(uint32_t) found, unknown;
};

struct judged_list {
    struct judged *items;
    size_t count, space;
};

static int judged_add(struct judged_list *list, struct map *map, const struct rule *rule,
                      uint32_t node, bool found)
{
    uint32_t index = (uint32_t)(uintptr_t)map_get(map, (uintptr_t)rule, NULL), *slot;
    struct judged *judged;

    if (!index) {
        judged = vec_push(list);
        if (!judged)
            return -ENOMEM;
        judged->rule = rule;
        index = (uint32_t)list->count;
        if (map_add(map, (uintptr_t)rule, (void *)(uintptr_t)index) < 0)
            return -ENOMEM;
    }
    judged = &list->items[index - 1];
    slot = found ? vec_push(&judged->found) : vec_push(&judged->unknown);
    if (!slot)
        return -ENOMEM;
    *slot = node;
    return 0;
}

static int collect(const struct fleet *fleet, struct node_set nodes, struct judged_list *list,
                   struct map *map)
{
    for (uint32_t i = 0; i < nodes.count; i++) {
        const struct fleet_node *node = &fleet->nodes.items[nodes.nodes[i]];

        for (uint32_t f = 0; f < node->finding_count; f++)
            if (judged_add(list, map, node->findings[f].rule, nodes.nodes[i], true) < 0)
                return -ENOMEM;
        for (uint32_t u = 0; u < node->unknown_count; u++)
            if (node->unknowns[u].rule &&
                judged_add(list, map, node->unknowns[u].rule, nodes.nodes[i], false) < 0)
                return -ENOMEM;
    }
    return 0;
}

static bool listed(const uint32_t *nodes, size_t count, uint32_t node)
{
    return set_has(&(struct node_set){nodes, (uint32_t)count}, node);
}

static int add_field(struct sets *sets, struct node_set nodes, const struct judged *judged,
                     uint32_t host_column, struct diff *diff)
{
    uint32_t *clean = malloc((nodes.count + 1) * sizeof(*clean)), count = 0;
    struct field_value *values = arena_alloc(sets->arena, 2 * sizeof(*values)), swap;
    struct field *field = NULL;
    int r = clean && values ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < nodes.count && r == 0; i++)
        if (!listed(judged->found.items, judged->found.count, nodes.nodes[i]) &&
            !listed(judged->unknown.items, judged->unknown.count, nodes.nodes[i]))
            clean[count++] = nodes.nodes[i];
    if (r < 0 || !count || !judged->found.count)
        goto out;
    values[0] = (struct field_value){"not found", sets_keep(sets, clean, count), false};
    values[1] = (struct field_value){
        "found", sets_keep(sets, judged->found.items, (uint32_t)judged->found.count), false};
    r = values[0].set && values[1].set ? 0 : -ENOMEM;
    if (r < 0)
        goto out;
    if (values[1].set->nodes.count > values[0].set->nodes.count ||
        (values[1].set->nodes.count == values[0].set->nodes.count &&
         values[1].set->nodes.nodes[0] < values[0].set->nodes.nodes[0])) {
        swap = values[0];
        values[0] = values[1];
        values[1] = swap;
    }
    field = vec_push(&diff->fields);
    r = field ? 0 : -ENOMEM;
    if (field)
        *field = (struct field){.column = host_column,
                                .rule = judged->rule,
                                .path = judged->rule->id,
                                .values = values,
                                .value_count = 2};
out:
    free(clean);
    return r;
}

static int by_number(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;

    return x->rule->number < y->rule->number ? -1 : x->rule->number > y->rule->number;
}

int judged_fields(struct sets *sets, const struct fleet *fleet, struct node_set nodes,
                  uint32_t host_column, struct diff *diff)
{
    struct judged_list list = {0};
    struct map map = {0};
    int r = collect(fleet, nodes, &list, &map);

    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_number);
    for (size_t i = 0; i < list.count && r == 0; i++)
        if (list.items[i].found.count < nodes.count)
            r = add_field(sets, nodes, &list.items[i], host_column, diff);
    for (size_t i = 0; i < list.count; i++) {
        vec_done(&list.items[i].found);
        vec_done(&list.items[i].unknown);
    }
    vec_done(&list);
    map_done(&map);
    return r;
}
