#include "fleet/fold.h"

#include "base/hash.h"
#include "base/stats.h"
#include "fleet/sets.h"
#include "fleet/split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A subset that could be the same set but for nodes that were not seen is looked for among this
 * many bundles, the largest ones. */
#define CANDIDATES_MAX 64
/* With fewer possible sets of a size than 2^10, unrelated facts share one by chance. */
#define SETS_BITS 10.0

struct bundle {
    const struct set *set;
    VEC(struct deviation) list;
    bool partial; /* every field was unseen on some node */
    bool gone;    /* joined another */
};

struct bundles {
    VEC(struct bundle *) list;
    struct map map;
};

static void bundles_done(struct bundles *bundles)
{
    for (size_t i = 0; i < bundles->list.count; i++) {
        vec_done(&bundles->list.items[i]->list);
        free(bundles->list.items[i]);
    }
    vec_done(&bundles->list);
    map_done(&bundles->map);
}

static struct bundle *bundle_of(struct bundles *bundles, const struct set *set)
{
    struct bundle *bundle = map_get(&bundles->map, set->hash, NULL), **slot;

    if (bundle)
        return bundle;
    bundle = calloc(1, sizeof(*bundle));
    slot = bundle ? vec_push(&bundles->list) : NULL;
    if (!slot) {
        free(bundle);
        return NULL;
    }
    *slot = bundle;
    bundle->set = set;
    bundle->partial = true;
    return map_add(&bundles->map, set->hash, bundle) < 0 ? NULL : bundle;
}

static int find_bundles(const struct diff *diff, struct bundles *bundles)
{
    for (uint32_t f = 0; f < diff->fields.count; f++) {
        const struct field *field = &diff->fields.items[f];
        uint32_t known = 0;

        for (uint32_t v = 0; v < field->value_count; v++)
            known += field->values[v].set->nodes.count;
        for (uint32_t v = 1; v < field->value_count; v++) {
            struct bundle *bundle = bundle_of(bundles, field->values[v].set);
            struct deviation *deviation = bundle ? vec_push(&bundle->list) : NULL;

            if (!deviation)
                return -ENOMEM;
            *deviation = (struct deviation){.field = f, .value = v};
            bundle->partial &= known < diff->nodes.count;
        }
    }
    return 0;
}

/* Could the small bundle's facts have the large one's nodes, had all of them been seen? */
static bool could_join(const struct diff *diff, const struct bundle *small,
                       const struct bundle *large)
{
    if (large->set->nodes.count <= small->set->nodes.count)
        return false;
    if (!sets_within(&small->set->nodes, &large->set->nodes))
        return false;
    for (size_t i = 0; i < small->list.count; i++) {
        const struct deviation *deviation = &small->list.items[i];
        const struct field *field = &diff->fields.items[deviation->field];

        for (uint32_t v = 0; v < field->value_count; v++)
            if (v != deviation->value &&
                sets_meet(&field->values[v].set->nodes, &large->set->nodes))
                return false;
    }
    return true;
}

static int by_length(const void *a, const void *b)
{
    const struct bundle *x = *(struct bundle *const *)a, *y = *(struct bundle *const *)b;

    if (x->list.count != y->list.count)
        return x->list.count > y->list.count ? -1 : 1;
    /* Two sets of one field order differ somewhere: first by their first fact. */
    if (x->list.items[0].field != y->list.items[0].field)
        return x->list.items[0].field < y->list.items[0].field ? -1 : 1;
    return x->list.items[0].value < y->list.items[0].value ? -1 : 1;
}

/* A device that is absent on one of three nodes takes its facts out of that node's sight: its
 * bundle of two nodes belongs to that of three. */
static int join_partial(const struct diff *diff, struct bundles *bundles)
{
    size_t count = bundles->list.count;
    struct bundle **order = malloc((count + 1) * sizeof(*order));

    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        order[i] = bundles->list.items[i];
    qsort(order, count, sizeof(*order), by_length);
    for (size_t i = count; i-- > 0;) {
        struct bundle *small = order[i];

        if (!small->partial || small->gone)
            continue;
        for (size_t k = 0; k < count && k < CANDIDATES_MAX; k++) {
            struct bundle *large = order[k];

            if (large->gone || !could_join(diff, small, large))
                continue;
            for (size_t d = 0; d < small->list.count; d++) {
                struct deviation *deviation = vec_push(&large->list);

                if (!deviation) {
                    free(order);
                    return -ENOMEM;
                }
                *deviation = small->list.items[d];
            }
            small->gone = true;
            break;
        }
    }
    free(order);
    return 0;
}

/* ---- the same setting at different places of different nodes ---- */

static int by_sum(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* What changed to what, without where: equal for x8 on gpu2 of one node and on gpu5 of another. */
static int sign_fold(const struct diff *diff, const struct fold *fold, uint64_t *sig)
{
    uint64_t *sums = malloc((fold->count + 1) * sizeof(*sums));

    if (!sums)
        return -ENOMEM;
    for (uint32_t i = 0; i < fold->count; i++) {
        const struct field *field = &diff->fields.items[fold->deviations[i].field];
        const char *who = diff->alignment->columns[field->column].who;
        const char *text = field->values[fold->deviations[i].value].text;

        sums[i] = hash_mix(hash_mix(hash64(who, strlen(who)),
                                    field->rule ? (uintptr_t)field->rule
                                                : (uint64_t)field->key << 16 | field->ordinal),
                           hash64(text, strlen(text)));
    }
    qsort(sums, fold->count, sizeof(*sums), by_sum);
    *sig = hash_mix((uint64_t)fold->kind, (uintptr_t)fold->rule);
    for (uint32_t i = 0; i < fold->count; i++)
        if (!i || sums[i] != sums[i - 1])
            *sig = hash_mix(*sig, sums[i]);
    free(sums);
    return 0;
}

static int by_node(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* One fold of all those in the chain. */
static int join_chain(struct arena *arena, struct fold *folds, const uint32_t *next, uint32_t head)
{
    struct fold *into = &folds[head];
    uint32_t deviations = 0, nodes = 0, kept = 0;
    struct deviation *list;
    uint32_t *set;

    for (uint32_t i = head + 1; i; i = next[i - 1]) {
        deviations += folds[i - 1].count;
        nodes += folds[i - 1].nodes.count;
    }
    list = arena_alloc(arena, (deviations + 1) * sizeof(*list));
    set = arena_alloc(arena, (nodes + 1) * sizeof(*set));
    if (!list || !set)
        return -ENOMEM;
    deviations = nodes = 0;
    for (uint32_t i = head + 1; i; i = next[i - 1]) {
        struct fold *fold = &folds[i - 1];

        memcpy(list + deviations, fold->deviations, fold->count * sizeof(*list));
        memcpy(set + nodes, fold->nodes.nodes, fold->nodes.count * sizeof(*set));
        deviations += fold->count;
        nodes += fold->nodes.count;
        fold->count = 0;
    }
    qsort(set, nodes, sizeof(*set), by_node);
    for (uint32_t i = 0; i < nodes; i++)
        if (!i || set[i] != set[kept - 1])
            set[kept++] = set[i];
    into->deviations = list;
    into->count = deviations;
    into->nodes = (struct node_set){set, kept};
    return 0;
}

static int join_same(struct arena *arena, const struct diff *diff, struct fold_list *folds)
{
    struct map map = {0};
    uint32_t *next = calloc(folds->count + 1, sizeof(*next)), *tail, kept = 0;
    int r = -ENOMEM;

    tail = calloc(folds->count + 1, sizeof(*tail));
    if (!next || !tail)
        goto out;
    for (uint32_t i = 0; i < folds->count; i++) {
        uint64_t sig;
        uint32_t head;

        if (folds->items[i].kind != DIFF_SETTING)
            continue;
        if (sign_fold(diff, &folds->items[i], &sig) < 0)
            goto out;
        head = (uint32_t)(uintptr_t)map_get(&map, sig, NULL);
        if (!head) {
            if (map_add(&map, sig, (void *)(uintptr_t)(i + 1)) < 0)
                goto out;
            tail[i] = i + 1;
        } else {
            next[tail[head - 1] - 1] = i + 1;
            tail[head - 1] = i + 1;
        }
    }
    r = 0;
    for (uint32_t i = 0; i < folds->count && r == 0; i++)
        if (tail[i] && next[i])
            r = join_chain(arena, folds->items, next, i);
    for (uint32_t i = 0; i < folds->count; i++)
        if (folds->items[i].count)
            folds->items[kept++] = folds->items[i];
    folds->count = kept;
out:
    map_done(&map);
    free(next);
    free(tail);
    return r;
}

static bool sets_are_few(uint32_t nodes, uint32_t count)
{
    return count == 1 || stats_log_choose(nodes, count) / M_LN2 < SETS_BITS;
}

int fold_diff(struct arena *arena, const struct fleet *fleet, const struct diff *diff,
              struct naming *naming, struct fold_list *out)
{
    struct bundles bundles = {0};
    struct splitter *splitter = splitter_new(arena, fleet, diff, naming);
    int r = splitter ? 0 : -ENOMEM;

    *out = (struct fold_list){0};
    if (r == 0)
        r = find_bundles(diff, &bundles);
    if (r == 0 && bundles.list.count)
        r = join_partial(diff, &bundles);
    for (size_t i = 0; i < bundles.list.count && r == 0; i++) {
        struct bundle *bundle = bundles.list.items[i];

        if (!bundle->gone)
            r = split_bundle(splitter, bundle->list.items, (uint32_t)bundle->list.count,
                             bundle->set->nodes,
                             sets_are_few(diff->nodes.count, bundle->set->nodes.count));
    }
    if (r == 0)
        r = splitter_take(splitter, out);
    if (r == 0)
        r = join_same(arena, diff, out);
    for (uint32_t i = 0; i < out->count && r == 0; i++)
        r = split_order(splitter, &out->items[i]);
    splitter_free(splitter);
    bundles_done(&bundles);
    return r;
}
