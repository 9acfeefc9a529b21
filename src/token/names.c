/* token/names - see names.h. */
#include "token/names.h"

#include "token/table.h"

#include <errno.h>
#include <stdlib.h>

int names_init(struct names *names, size_t count)
{
    size_t slots = 16;

    while (slots < count * 2)
        slots *= 2;
    names->tags = calloc(slots, sizeof(*names->tags));
    names->slots = table_alloc(slots * sizeof(*names->slots));
    if (!names->tags || !names->slots) {
        names_done(names);
        return -ENOMEM;
    }
    names->mask = slots - 1;
    names->count = 0;
    return 0;
}

void names_done(struct names *names)
{
    free(names->tags);
    free(names->slots);
    *names = (struct names){0};
}

/* The low bits of a product depend on the low bits of its factors alone. */
static uint64_t mixed(uint64_t hash)
{
    return (hash ^ hash >> 32) * NAMES_FACTOR;
}

static size_t first_slot(const struct names *names, uint64_t mix)
{
    return (size_t)(mix >> 32) & names->mask;
}

static uint16_t tag_of(uint64_t mix)
{
    return (uint16_t)(mix >> 16 | 1);
}

static bool holds(const struct names_slot *slot, struct str text)
{
    const char *p = slot->len <= NAMES_OWN ? slot->own : slot->p;

    return slot->len == text.len && memcmp(p, text.p, text.len) == 0;
}

/* The slot of a text, or the free one where it would be. */
static size_t slot_of(const struct names *names, uint64_t hash, struct str text, uint16_t *tag)
{
    uint64_t mix = mixed(hash);
    size_t at = first_slot(names, mix);

    *tag = tag_of(mix);
    for (;; at = (at + 1) & names->mask)
        if (!names->tags[at] || (names->tags[at] == *tag && holds(&names->slots[at], text)))
            return at;
}

bool names_maybe(const struct names *names, uint64_t hash)
{
    uint64_t mix = mixed(hash);
    uint16_t tag = tag_of(mix);

    for (size_t at = first_slot(names, mix); names->tags[at]; at = (at + 1) & names->mask)
        if (names->tags[at] == tag) {
            __builtin_prefetch(&names->slots[at]);
            return true;
        }
    return false;
}

int32_t names_find_hashed(const struct names *names, uint64_t hash, struct str text)
{
    uint16_t tag;
    size_t at = slot_of(names, hash, text, &tag);

    return names->tags[at] ? names->slots[at].id : -1;
}

int names_add(struct names *names, struct str text, int32_t id)
{
    uint16_t tag;
    size_t at = slot_of(names, names_hash(text), text, &tag);

    if (names->tags[at])
        return -EEXIST;
    names->tags[at] = tag;
    names->slots[at] = (struct names_slot){.id = id, .len = (uint32_t)text.len};
    if (text.len <= NAMES_OWN)
        memcpy(names->slots[at].own, text.p, text.len);
    else
        names->slots[at].p = text.p;
    names->count++;
    return 0;
}
