#include "fleet/tool.h"

#include "fleet/sets.h"

#include <errno.h>
#include <stdlib.h>

/* What one node shows of a key: on how many devices, and are they of different makes? */
struct shown {
    uint32_t count, make;
    bool makes;
};

struct side {
    VEC(struct shown) keys;
};

struct keys {
    uint32_t *items;
    size_t count, space;
};

struct tool_scan {
    struct side some, others;
    struct keys paths, blocks; /* those that count, each once */
    bool flag; /* one of them is a flag, which is always printed with its register */
};

static int scan_key(struct side *side, uint32_t key, uint32_t make)
{
    struct shown *shown;

    while (side->keys.count <= key)
        if (!vec_push(&side->keys))
            return -ENOMEM;
    shown = &side->keys.items[key];
    if (shown->count++ && shown->make != make)
        shown->makes = true;
    shown->make = make;
    return 0;
}

static int scan_node(const struct fleet *fleet, uint32_t node, struct side *side)
{
    const struct record *record = &fleet->records.items[node];

    for (uint32_t s = 0; s < record->layout->count; s++) {
        const struct entry *entry = record->entries[s];
        uint32_t make = record->layout->seats[s].vendor_device;

        if (record->layout->seats[s].kind != SUBJECT_PCI)
            continue;
        if (!make) /* without ids each place counts as a make of its own */
            make = s + 1;
        for (uint32_t i = 0; i < entry->ref_count; i++)
            for (uint32_t f = 0; f < entry->refs[i].block->count; f++)
                if (scan_key(side, entry->refs[i].block->facts[f].key, make) < 0)
                    return -ENOMEM;
    }
    return 0;
}

struct tool_scan *tool_scan_new(const struct fleet *fleet, struct node_set all,
                                struct node_set some)
{
    struct tool_scan *scan = calloc(1, sizeof(*scan));
    uint32_t other = 0;

    if (!scan)
        return NULL;
    while (other < all.count && set_has(&some, all.nodes[other]))
        other++;
    if (scan_node(fleet, some.nodes[0], &scan->some) < 0 ||
        (other < all.count && scan_node(fleet, all.nodes[other], &scan->others) < 0)) {
        tool_scan_free(scan);
        return NULL;
    }
    return scan;
}

void tool_scan_free(struct tool_scan *scan)
{
    if (!scan)
        return;
    vec_done(&scan->some.keys);
    vec_done(&scan->others.keys);
    vec_done(&scan->paths);
    vec_done(&scan->blocks);
    free(scan);
}

static const struct shown *shown_of(const struct side *side, uint32_t key)
{
    static const struct shown none;

    return key < side->keys.count ? &side->keys.items[key] : &none;
}

/* Nowhere on the side that lacks it, and on different makes on the side that has it. */
static bool vanished(const struct tool_scan *scan, const struct field *field, uint32_t value)
{
    const struct side *lacks, *has;

    if (field->key == 0 || (!field->values[value].absent && !field->values[0].absent))
        return false;
    lacks = field->values[value].absent ? &scan->some : &scan->others;
    has = field->values[value].absent ? &scan->others : &scan->some;
    return shown_of(lacks, field->key)->count == 0 && shown_of(has, field->key)->makes;
}

static int add_once(struct keys *list, uint32_t key)
{
    uint32_t *slot;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == key)
            return 0;
    if (list->count >= 64) /* enough is enough */
        return 0;
    slot = vec_push(list);
    if (!slot)
        return -ENOMEM;
    *slot = key;
    return 0;
}

int tool_scan_add(struct tool_scan *scan, const struct field *field, uint32_t value)
{
    if (!field->in_block || !vanished(scan, field, value))
        return 0;
    if (add_once(&scan->paths, field->key) < 0 || add_once(&scan->blocks, field->block) < 0)
        return -ENOMEM;
    for (uint32_t v = 0; v < field->value_count; v++)
        scan->flag |= !strcmp(field->values[v].text, "+") || !strcmp(field->values[v].text, "-");
    return 0;
}

bool tool_scan_sure(const struct tool_scan *scan)
{
    return scan->flag ||
           (scan->paths.count >= TOOL_FACTS_MIN && scan->blocks.count >= TOOL_BLOCKS_MIN);
}

bool tool_explains(const struct tool_scan *scan, const struct field *field, uint32_t value,
                   bool named)
{
    return vanished(scan, field, value) && (field->in_block || !named);
}
