#include "fleet/groups.h"

#include "fleet/sets.h"

#include <errno.h>
#include <stdlib.h>

static struct group *group_of(struct groups *groups, uint32_t column, const struct entry *entry)
{
    uint32_t index = groups->last[column];
    struct group *group = index ? &groups->list.items[index - 1] : NULL;
    uint64_t hash;

    if (group && group->entry == entry)
        return group;
    hash = hash_mix((uintptr_t)entry, column + 1);
    index = (uint32_t)(uintptr_t)map_get(&groups->map, hash, NULL);
    if (!index) {
        group = vec_push(&groups->list);
        if (!group)
            return NULL;
        index = (uint32_t)groups->list.count;
        if (map_add(&groups->map, hash, (void *)(uintptr_t)index) < 0)
            return NULL;
        *group = (struct group){.entry = entry, .column = column, .first = UINT32_MAX};
        if (groups->tails[column])
            groups->list.items[groups->tails[column] - 1].next = index;
        else
            groups->heads[column] = index;
        groups->tails[column] = index;
    }
    groups->last[column] = index;
    return &groups->list.items[index - 1];
}

bool groups_differ(const struct groups *groups, uint32_t column)
{
    return groups->heads[column] != groups->tails[column] ||
           groups->alignment->columns[column].nodes < groups->nodes.count;
}

/* Count first, then list the nodes of those groups that will be looked into. */
int groups_find(struct groups *groups, const struct fleet *fleet, const struct alignment *alignment,
                struct node_set nodes)
{
    uint32_t columns = alignment->column_count, total = 0;

    *groups = (struct groups){.fleet = fleet, .alignment = alignment, .nodes = nodes};

    groups->heads = calloc(columns + 1, sizeof(*groups->heads));
    groups->tails = calloc(columns + 1, sizeof(*groups->tails));
    groups->last = calloc(columns + 1, sizeof(*groups->last));
    if (!groups->heads || !groups->tails || !groups->last)
        return -ENOMEM;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t n = 0; n < groups->nodes.count; n++) {
            const uint32_t *of = groups->alignment->columns_of[groups->alignment->of_node[n]];
            const struct record *record = &groups->fleet->records.items[groups->nodes.nodes[n]];
            uint32_t node = groups->nodes.nodes[n];

            for (uint32_t i = 0; i < record->layout->count; i++) {
                struct group *group;

                if (pass && !groups_differ(groups, of[i]))
                    continue;
                group = group_of(groups, of[i], record->entries[i]);
                if (!group)
                    return -ENOMEM;
                if (pass) {
                    groups->members[group->start + group->filled++] = node;
                    continue;
                }
                group->count++;
                group->hash += set_hash_of_node(node);
                if (node < group->first)
                    group->first = node;
            }
        }
        if (pass)
            break;
        for (size_t g = 0; g < groups->list.count; g++)
            if (groups_differ(groups, groups->list.items[g].column)) {
                groups->list.items[g].start = total;
                total += groups->list.items[g].count;
            }
        groups->members = malloc((total + 1) * sizeof(*groups->members));
        if (!groups->members)
            return -ENOMEM;
    }
    return 0;
}

void groups_done(struct groups *groups)
{
    vec_done(&groups->list);
    map_done(&groups->map);
    free(groups->heads);
    free(groups->tails);
    free(groups->last);
    free(groups->members);
}
