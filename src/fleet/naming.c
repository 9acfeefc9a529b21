#include "fleet/naming.h"

#include "base/hash.h"

#include <stdlib.h>

struct naming {
    const struct fleet *fleet;
    struct arena *arena;
    struct map map;
    VEC(struct named) found;
};

struct naming *naming_new(const struct fleet *fleet)
{
    struct naming *naming = calloc(1, sizeof(*naming));

    if (!naming)
        return NULL;
    naming->fleet = fleet;
    naming->arena = arena_new(0);
    if (!naming->arena) {
        free(naming);
        return NULL;
    }
    return naming;
}

void naming_free(struct naming *naming)
{
    if (!naming)
        return;
    map_done(&naming->map);
    vec_done(&naming->found);
    arena_free(naming->arena);
    free(naming);
}

const struct claims *naming_claims(struct naming *naming, const char *who, uint32_t key,
                                   const char *path)
{
    const struct fleet_judge *judge = naming->fleet->judge;
    uint64_t hash = hash_mix(hash64(who, strlen(who)), key ? key : hash64(path, strlen(path)));
    struct claims *claims = map_get(&naming->map, hash, NULL);
    struct named *items;

    if (claims)
        return claims;
    naming->found.count = 0;
    for (uint32_t i = 0; i < judge->count(); i++) {
        const struct rule *rule = judge->at(i);
        enum claim claim = judge->claims(rule, who, path);
        struct named *named;

        if (claim == CLAIM_NONE || !(rule->policies & 1u << naming->fleet->options.policy))
            continue;
        named = vec_push(&naming->found);
        if (!named)
            return NULL;
        *named = (struct named){rule, i, claim};
    }
    claims = arena_alloc(naming->arena, sizeof(*claims));
    items = arena_alloc(naming->arena, (naming->found.count + 1) * sizeof(*items));
    if (!claims || !items || map_add(&naming->map, hash, claims) < 0)
        return NULL;
    if (naming->found.count)
        memcpy(items, naming->found.items, naming->found.count * sizeof(*items));
    *claims = (struct claims){items, (uint32_t)naming->found.count};
    return claims;
}

enum claim claims_of(const struct claims *claims, const struct rule *rule)
{
    for (uint32_t i = 0; i < claims->count; i++)
        if (claims->items[i].rule == rule)
            return claims->items[i].claim;
    return CLAIM_NONE;
}

double rule_weight(const struct rule *rule)
{
    return (double)rule->severity + (rule->bios ? 0.5 : 0);
}
