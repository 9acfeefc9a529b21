/* token/bpe - see bpe.h. */
#include "token/bpe.h"

#include "token/table.h"

#include <errno.h>

/* Up to so many symbols the best pair is searched for, which is faster than a heap. */
#define SEARCHED_MAX 24
#define RULES_AHEAD  16 /* a rule's slot is anywhere: fetched this long before its turn */

static size_t slot_index(const struct bpe_rules *rules, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    return (size_t)((key * 0x9e3779b97f4a7c15u ^ key >> 29) * 0xd6e8feb86659fd93u >> rules->shift);
}

static struct bpe_rule *slot_of(const struct bpe_rules *rules, int32_t left, int32_t right)
{
    for (size_t at = slot_index(rules, left, right);; at++) {
        struct bpe_rule *slot = &rules->slots[at & rules->mask];

        if (slot->left < 0 || (slot->left == left && slot->right == right))
            return slot;
    }
}

int bpe_list_add(struct bpe_list *list, struct bpe_rule rule)
{
    struct bpe_rule *slot = list->count < BPE_MERGES_MAX ? vec_push(list) : NULL;

    if (!slot)
        return list->count < BPE_MERGES_MAX ? -ENOMEM : -EFBIG;
    *slot = rule;
    return 0;
}

int bpe_rules_init(struct bpe_rules *rules, const struct bpe_list *list)
{
    const struct bpe_rule *rule = list->items;
    unsigned bits = 8;

    while ((size_t)1 << bits < list->count * 2)
        bits++;
    *rules = (struct bpe_rules){.shift = 64 - bits, .mask = ((size_t)1 << bits) - 1};
    rules->slots = table_alloc((rules->mask + 1) * sizeof(*rules->slots));
    if (!rules->slots)
        return -ENOMEM;
    for (size_t i = 0; i <= rules->mask; i++)
        rules->slots[i].left = -1;
    for (size_t i = 0; i < list->count; i++, rule++) {
        struct bpe_rule *slot = slot_of(rules, rule->left, rule->right);

        if (i + RULES_AHEAD < list->count)
            __builtin_prefetch(
                &rules->slots[slot_index(rules, rule[RULES_AHEAD].left, rule[RULES_AHEAD].right)],
                1);
        rules->count += slot->left < 0;
        *slot = *rule;
    }
    return 0;
}

void bpe_rules_done(struct bpe_rules *rules)
{
    free(rules->slots);
    *rules = (struct bpe_rules){0};
}

void bpe_work_done(struct bpe_work *work)
{
    free(work->links);
    vec_done(&work->heap);
    *work = (struct bpe_work){0};
}

/* What two neighbours may become; NULL: nothing. */
static const struct bpe_rule *rule_of(const struct bpe_rules *rules, int32_t left, int32_t right,
                                      struct bpe_halves *halves)
{
    const struct bpe_rule *rule;

    if ((left | right) < 0) /* not a rule's, and a free slot's mark */
        return NULL;
    rule = slot_of(rules, left, right);
    if (rule->left < 0)
        return NULL;
    if (halves)
        halves[rule->merged] = (struct bpe_halves){left, right};
    return rule;
}

/* rules[i] is that of symbols i and i + 1. */
static size_t merge_few(const struct bpe_rules *rules, int32_t *symbols, size_t count)
{
    const struct bpe_rule *pairs[SEARCHED_MAX];

    for (size_t i = 0; i + 1 < count; i++)
        pairs[i] = rule_of(rules, symbols[i], symbols[i + 1], NULL);
    for (;;) {
        const struct bpe_rule *best = NULL;
        size_t at = 0;

        for (size_t i = 0; i + 1 < count; i++)
            if (pairs[i] && (!best || pairs[i]->rank < best->rank)) {
                best = pairs[i];
                at = i;
            }
        if (!best)
            return count;
        symbols[at] = best->merged;
        for (size_t i = at + 1; i + 1 < count; i++) {
            symbols[i] = symbols[i + 1];
            pairs[i - 1] = pairs[i];
        }
        count--;
        if (at > 0)
            pairs[at - 1] = rule_of(rules, symbols[at - 1], symbols[at], NULL);
        if (at + 1 < count)
            pairs[at] = rule_of(rules, symbols[at], symbols[at + 1], NULL);
    }
}

static int heap_push(struct bpe_work *work, struct bpe_candidate candidate)
{
    struct bpe_candidate *heap;
    size_t at = work->heap.count;

    if (!vec_push(&work->heap))
        return -ENOMEM;
    heap = work->heap.items;
    for (; at > 0 && heap[(at - 1) / 2].order > candidate.order; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = candidate;
    return 0;
}

static struct bpe_candidate heap_pop(struct bpe_work *work)
{
    struct bpe_candidate *heap = work->heap.items;
    struct bpe_candidate top = heap[0], last = heap[--work->heap.count];
    size_t at = 0, count = work->heap.count;

    for (size_t child = 1; child < count; child = at * 2 + 1) {
        if (child + 1 < count && heap[child + 1].order < heap[child].order)
            child++;
        if (heap[child].order >= last.order)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

#define NOWHERE UINT32_MAX

/* Looks at the pair of symbol `at` and the one after it. */
static int consider(const struct bpe_rules *rules, struct bpe_work *work, const int32_t *symbols,
                    uint32_t at, struct bpe_halves *halves)
{
    uint32_t after = work->links[at].after;
    const struct bpe_rule *rule =
        after == NOWHERE ? NULL : rule_of(rules, symbols[at], symbols[after], halves);

    work->links[at].merged = rule ? rule->merged : -1;
    if (!rule)
        return 0;
    return heap_push(work, (struct bpe_candidate){(uint64_t)rule->rank << 32 | at, rule->merged});
}

static int links_begin(struct bpe_work *work, size_t count)
{
    if (count > work->links_space) {
        void *more = realloc(work->links, count * sizeof(*work->links));

        if (!more)
            return -ENOMEM;
        work->links = more;
        work->links_space = count;
    }
    for (size_t i = 0; i < count; i++) {
        work->links[i].before = i ? (uint32_t)i - 1 : NOWHERE;
        work->links[i].after = i + 1 < count ? (uint32_t)i + 1 : NOWHERE;
        work->links[i].merged = -1;
    }
    work->heap.count = 0;
    return 0;
}

static int merge_many(const struct bpe_rules *rules, struct bpe_work *work, int32_t *symbols,
                      size_t *count, struct bpe_halves *halves)
{
    int r = links_begin(work, *count);
    size_t kept = 0;

    for (size_t i = 0; i < *count && r == 0; i++)
        r = consider(rules, work, symbols, (uint32_t)i, halves);
    while (r == 0 && work->heap.count) {
        struct bpe_candidate best = heap_pop(work);
        uint32_t at = (uint32_t)best.order, gone, before;

        if (work->links[at].merged != best.merged)
            continue; /* one of the two has been merged with another since */
        gone = work->links[at].after;
        before = work->links[at].before;
        symbols[at] = best.merged;
        work->links[at].after = work->links[gone].after;
        if (work->links[gone].after != NOWHERE)
            work->links[work->links[gone].after].before = at;
        work->links[gone].merged = -1;
        if (before != NOWHERE)
            r = consider(rules, work, symbols, before, halves);
        if (r == 0)
            r = consider(rules, work, symbols, at, halves);
    }
    for (uint32_t at = 0; r == 0 && at != NOWHERE; at = work->links[at].after)
        symbols[kept++] = symbols[at];
    *count = kept;
    return r;
}

int bpe_merge(const struct bpe_rules *rules, struct bpe_work *work, int32_t *symbols, size_t *count,
              struct bpe_halves *halves)
{
    if (*count < 2 || !rules->count)
        return 0;
    if (*count <= SEARCHED_MAX && !halves) {
        *count = merge_few(rules, symbols, *count);
        return 0;
    }
    return merge_many(rules, work, symbols, count, halves);
}
