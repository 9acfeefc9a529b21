#include "rendezvous/table.h"

#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void table_done(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}

void *table_get(const struct table *table, struct str name)
{
    uint64_t hash = hash64(name.p, name.len);

    if (!table->space)
        return NULL;
    for (size_t i = hash & (table->space - 1);; i = (i + 1) & (table->space - 1)) {
        struct named *item = table->slots[i];

        if (!item)
            return NULL;
        if (item->hash == hash && str_eq(item->name, name))
            return item;
    }
}

static void slot_put(struct named **slots, size_t space, struct named *item)
{
    size_t i = item->hash & (space - 1);

    while (slots[i])
        i = (i + 1) & (space - 1);
    slots[i] = item;
}

int table_add(struct table *table, struct named *item)
{
    if ((table->count + 1) * 4 > table->space * 3) {
        size_t space = table->space ? table->space * 2 : 64;
        struct named **slots = calloc(space, sizeof(struct named *));

        if (!slots)
            return -ENOMEM;
        for (size_t i = 0; i < table->space; i++)
            if (table->slots[i])
                slot_put(slots, space, table->slots[i]);
        free(table->slots);
        table->slots = slots;
        table->space = space;
    }
    item->hash = hash64(item->name.p, item->name.len);
    slot_put(table->slots, table->space, item);
    table->count++;
    return 0;
}

void table_remove(struct table *table, struct named *item)
{
    size_t mask = table->space - 1, hole = item->hash & mask;

    while (table->slots[hole] != item) {
        assert(table->slots[hole]);
        hole = (hole + 1) & mask;
    }
    /* Whoever was pushed past the hole moves back into it, so that searches need no markers. */
    for (size_t i = (hole + 1) & mask; table->slots[i]; i = (i + 1) & mask) {
        size_t home = table->slots[i]->hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = NULL;
    table->count--;
}
