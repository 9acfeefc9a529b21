#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void map_done(struct map *map)
{
    free(map->slots);
    map->slots = NULL;
    map->count = map->space = 0;
}

void map_clear(struct map *map)
{
    if (map->space)
        memset(map->slots, 0, map->space * sizeof(*map->slots));
    map->count = 0;
}

void *map_get(const struct map *map, uint64_t hash, const void *key)
{
    if (!map->space)
        return NULL;
    for (size_t i = hash & (map->space - 1);; i = (i + 1) & (map->space - 1)) {
        const struct map_slot *slot = &map->slots[i];

        if (!slot->value)
            return NULL;
        if (slot->hash == hash && (!map->equal || map->equal(slot->value, key)))
            return slot->value;
    }
}

static void slot_put(struct map_slot *slots, size_t space, uint64_t hash, void *value)
{
    size_t i = hash & (space - 1);

    while (slots[i].value)
        i = (i + 1) & (space - 1);
    slots[i] = (struct map_slot){hash, value};
}

int map_add(struct map *map, uint64_t hash, void *value)
{
    assert(value);
    if ((map->count + 1) * 4 > map->space * 3) {
        size_t space = map->space ? map->space * 2 : 64;
        struct map_slot *slots = calloc(space, sizeof(*slots));

        if (!slots)
            return -ENOMEM;
        for (size_t i = 0; i < map->space; i++)
            if (map->slots[i].value)
                slot_put(slots, space, map->slots[i].hash, map->slots[i].value);
        free(map->slots);
        map->slots = slots;
        map->space = space;
    }
    slot_put(map->slots, map->space, hash, value);
    map->count++;
    return 0;
}
