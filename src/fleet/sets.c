#include "fleet/sets.h"

#include <stdlib.h>

void sets_done(struct sets *sets)
{
    map_done(&sets->map);
}

const struct set *sets_get(const struct sets *sets, uint64_t hash)
{
    return map_get(&sets->map, hash, NULL);
}

static int by_node(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

const struct set *sets_keep(struct sets *sets, const uint32_t *nodes, uint32_t count)
{
    uint64_t hash = 0;
    struct set *set;
    uint32_t *list;

    for (uint32_t i = 0; i < count; i++)
        hash += set_hash_of_node(nodes[i]);
    set = map_get(&sets->map, hash, NULL);
    if (set)
        return set;
    set = arena_alloc(sets->arena, sizeof(*set));
    list = arena_alloc(sets->arena, (count + 1) * sizeof(*list));
    if (!set || !list)
        return NULL;
    if (count)
        memcpy(list, nodes, count * sizeof(*list));
    qsort(list, count, sizeof(*list), by_node);
    set->hash = hash;
    set->nodes = (struct node_set){list, count};
    return map_add(&sets->map, hash, set) < 0 ? NULL : set;
}

bool set_has(const struct node_set *set, uint32_t node)
{
    return set->count && bsearch(&node, set->nodes, set->count, sizeof(node), by_node);
}

bool sets_within(const struct node_set *inner, const struct node_set *outer)
{
    uint32_t k = 0;

    if (inner->count > outer->count)
        return false;
    for (uint32_t i = 0; i < inner->count; i++) {
        while (k < outer->count && outer->nodes[k] < inner->nodes[i])
            k++;
        if (k == outer->count || outer->nodes[k] != inner->nodes[i])
            return false;
    }
    return true;
}

bool sets_meet(const struct node_set *a, const struct node_set *b)
{
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        if (a->nodes[i] == b->nodes[k])
            return true;
        if (a->nodes[i] < b->nodes[k])
            i++;
        else
            k++;
    }
    return false;
}
