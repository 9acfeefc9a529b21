/* token/names - see names.h. */
#include "token/names.h"

#include <errno.h>
#include <stdlib.h>

int names_init(struct names *names, size_t count)
{
    size_t slots = 16;

    while (slots < count * 2)
        slots *= 2;
    names->slots = malloc(slots * sizeof(*names->slots));
    if (!names->slots)
        return -ENOMEM;
    for (size_t i = 0; i < slots; i++)
        names->slots[i].id = -1;
    names->mask = slots - 1;
    names->count = 0;
    return 0;
}

void names_done(struct names *names)
{
    free(names->slots);
    *names = (struct names){0};
}

static struct names_slot *slot_of(const struct names *names, uint64_t hash, struct str text)
{
    /* The low bits of a product depend on the low bits of its factors alone. */
    size_t at = (size_t)((hash ^ hash >> 32) * NAMES_FACTOR >> 32);

    for (;; at++) {
        struct names_slot *slot = &names->slots[at & names->mask];

        if (slot->id < 0 || (slot->hash == hash && str_eq(slot->text, text)))
            return slot;
    }
}

int32_t names_find_hashed(const struct names *names, uint64_t hash, struct str text)
{
    return slot_of(names, hash, text)->id;
}

int names_add(struct names *names, struct str text, int32_t id)
{
    uint64_t hash = names_hash(text);
    struct names_slot *slot = slot_of(names, hash, text);

    if (slot->id >= 0)
        return -EEXIST;
    *slot = (struct names_slot){hash, text, id};
    names->count++;
    return 0;
}
