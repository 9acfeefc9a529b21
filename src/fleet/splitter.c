#include "fleet/splitter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct splitter *splitter_new(struct arena *arena, const struct fleet *fleet,
                              const struct diff *diff, struct naming *naming)
{
    struct splitter *splitter = calloc(1, sizeof(*splitter));

    if (!splitter)
        return NULL;
    splitter->arena = arena;
    splitter->fleet = fleet;
    splitter->diff = diff;
    splitter->naming = naming;
    splitter->rules = (uint32_t)fleet->judge->count();
    splitter->settings = calloc(splitter->rules + 1, sizeof(double));
    splitter->moves = calloc(splitter->rules + 1, sizeof(double));
    splitter->presence = calloc(diff->alignment->column_count + 1, 1);
    if (!splitter->settings || !splitter->moves || !splitter->presence) {
        splitter_free(splitter);
        return NULL;
    }
    return splitter;
}

void splitter_free(struct splitter *splitter)
{
    if (!splitter)
        return;
    vec_done(&splitter->folds);
    vec_done(&splitter->parts);
    vec_done(&splitter->list);
    free(splitter->settings);
    free(splitter->moves);
    free(splitter->presence);
    free(splitter);
}

/* What has been put into `list` as a new cause. */
int splitter_emit(struct splitter *splitter, enum difference_kind kind,
                  const struct rule *const *rules, uint32_t rule_count, struct node_set nodes)
{
    struct fold *fold;

    if (!splitter->list.count)
        return 0;
    fold = vec_push(&splitter->folds);
    if (!fold)
        return -ENOMEM;
    fold->kind = kind;
    fold->nodes = nodes;
    fold->rule = rule_count ? rules[0] : NULL;
    for (uint32_t i = 1; i < rule_count && i <= ARRAY_LEN(fold->also); i++)
        fold->also[i - 1] = rules[i];
    fold->count = (uint32_t)splitter->list.count;
    fold->deviations =
        arena_alloc(splitter->arena, splitter->list.count * sizeof(*fold->deviations));
    if (!fold->deviations)
        return -ENOMEM;
    memcpy(fold->deviations, splitter->list.items,
           splitter->list.count * sizeof(*fold->deviations));
    splitter->list.count = 0;
    return 0;
}

int splitter_take_part(struct splitter *splitter, struct part *part)
{
    struct deviation *slot = vec_push(&splitter->list);

    if (!slot)
        return -ENOMEM;
    *slot = part->deviation;
    part->taken = true;
    return 0;
}

int splitter_take(struct splitter *splitter, struct fold_list *out)
{
    size_t count = splitter->folds.count;

    out->items = arena_alloc(splitter->arena, (count + 1) * sizeof(*out->items));
    if (!out->items)
        return -ENOMEM;
    if (count)
        memcpy(out->items, splitter->folds.items, count * sizeof(*out->items));
    out->count = (uint32_t)count;
    return 0;
}
