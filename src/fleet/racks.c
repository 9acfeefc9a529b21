#include "fleet/racks.h"

#include "base/hash.h"
#include "base/stats.h"

#include <errno.h>

#define LEVEL 0.05

struct place {
    struct str prefix;
    uint32_t slow, all;
};

/* What stands before the last number, when there is a number in it too: "r17-n" of "r17-n03". Empty
 * when the name has one number only: it counts nodes, not places. */
static struct str prefix_of(const char *name)
{
    struct str prefix = {name, strcspn(name, ".")};
    bool digit = false;

    while (prefix.len && (prefix.p[prefix.len - 1] < '0' || prefix.p[prefix.len - 1] > '9'))
        prefix.len--;
    while (prefix.len && prefix.p[prefix.len - 1] >= '0' && prefix.p[prefix.len - 1] <= '9')
        prefix.len--;
    for (size_t i = 0; i < prefix.len; i++)
        digit |= prefix.p[i] >= '0' && prefix.p[i] <= '9';
    return digit ? prefix : (struct str){0};
}

int racks_find(struct arena *arena, const struct fleet *fleet, const bool *known, const bool *slow,
               struct rack *out)
{
    struct map map = {0};
    VEC(struct place) places = {0};
    uint32_t slow_all = 0, all = 0;
    int r = 0;

    *out = (struct rack){.p = 1};
    for (uint32_t n = 0; n < fleet->nodes.count && r == 0; n++) {
        struct str prefix = prefix_of(fleet->nodes.items[n].name);
        uint64_t hash = hash64(prefix.p, prefix.len);
        uint32_t index;

        if (!known[n])
            continue;
        all++;
        slow_all += slow[n];
        if (!prefix.len)
            continue;
        index = (uint32_t)(uintptr_t)map_get(&map, hash, NULL);
        if (!index) {
            struct place *place = vec_push(&places);

            if (!place) {
                r = -ENOMEM;
                break;
            }
            place->prefix = prefix;
            index = (uint32_t)places.count;
            r = map_add(&map, hash, (void *)(uintptr_t)index);
        }
        places.items[index - 1].all++;
        places.items[index - 1].slow += slow[n];
    }
    for (size_t i = 0; i < places.count && r == 0; i++) {
        const struct place *place = &places.items[i];
        double p;

        if (place->all < 2 || place->all == all)
            continue;
        p = stats_fisher(place->slow, place->all, slow_all, all) * (double)places.count;
        if (p >= out->p)
            continue;
        *out = (struct rack){arena_copy(arena, place->prefix.p, place->prefix.len),
                             place->slow,
                             slow_all,
                             place->all - place->slow,
                             all - slow_all,
                             p};
        if (!out->prefix)
            r = -ENOMEM;
    }
    map_done(&map);
    vec_done(&places);
    return r < 0 ? r : out->p <= LEVEL;
}
