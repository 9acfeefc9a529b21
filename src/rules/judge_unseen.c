#include "rules/engine.h"

#include <stdio.h>

/* A rule that could not be judged, while they are gathered. */
struct lack {
    bool done;                 /* told through a node's own `unseen` */
    const struct origin *from; /* the source it lacks */
};

static const struct seen_block *seen_block(const struct check *check, const struct need *need)
{
    return &check->report->seen[check->rules->block_at[need->block] - 1];
}

static bool seen(const struct check *check, const struct need *need)
{
    return seen_block(check, need)->who & need->who;
}

/* A source may name a block and yet not show what is in it (lspci -v). */
static bool seen_beside(const struct check *check, const struct need *need, int source)
{
    const struct seen_block *block = seen_block(check, need);

    return seen(check, need) && (block->several || source < 0 || block->source != source);
}

/* Is there anything that the rule is about? RDMA ports and interfaces are only known from the very
 * source that may be missing, so an RDMA card stands for them. */
static bool applies(uint32_t there, unsigned who, unsigned has)
{
    if (has && !(has & there))
        return false;
    if (who & (WHO_IB | WHO_NET) && there & WHO_RDMA)
        return true;
    return (there & who) || who & WHO_DIMM;
}

/* "not among the inputs: 14 rules not judged" */
static void add_unknown(struct check *check, const char *what, const char *why,
                        const struct rule *const *rules, uint32_t count)
{
    struct report *report = check->report;
    struct unknown *unknown = vec_push(&report->unknowns);
    const struct rule **copy = arena_alloc(report->arena, (count + 1) * sizeof(*copy));

    if (!unknown || !copy) {
        report->failed = true;
        return;
    }
    if (count)
        memcpy(copy, rules, count * sizeof(*copy));
    if (count)
        why = count == 1 ? report_printf(report, "%s: %s not judged", why, rules[0]->id)
                         : report_printf(report, "%s: %u rules not judged", why, count);
    *unknown = (struct unknown){count == 1 ? rules[0] : NULL, what, why, copy, count};
}

/* One kind of thing that the node's readers could not see: told once, however many devices. */
struct fold {
    const struct unseen *unseen; /* the first of them */
    uint32_t who;                /* whom it is about */
    uint32_t count;              /* devices */
};
#define FOLDS_MAX 64

static bool same_unseen(const struct unseen *a, const struct unseen *b)
{
    if (!a->block != !b->block || (a->block && strcmp(a->block, b->block)))
        return false;
    return !strcmp(a->what, b->what) && !strcmp(a->why, b->why);
}

static uint32_t fold_unseen(const struct check *check, struct fold *folds)
{
    const struct node *node = check->node;
    uint32_t count = 0;

    for (uint32_t i = 0; i < node->unseen_count; i++) {
        const struct unseen *unseen = &node->unseen[i];
        uint32_t f = 0;

        while (f < count && !same_unseen(folds[f].unseen, unseen))
            f++;
        if (f == FOLDS_MAX)
            continue;
        if (f == count)
            folds[count++] = (struct fold){.unseen = unseen};
        folds[f].count += unseen->subject > 0;
        folds[f].who |= unseen->subject >= 0 ? check->who[unseen->subject] : UINT32_MAX;
    }
    return count;
}

/* A rule is hit by what a reader could not see when that is about its devices and its block. When
 * it is about the whole node, only if the block was not seen elsewhere. */
static bool hits_need(const struct check *check, const struct fold *fold, const struct need *need)
{
    /* "*" of a PCI device is about its registers, not about what other sources say of it. */
    if (!fold->unseen->block || (need->origin && !strcmp(fold->unseen->block, "*")) ||
        !(fold->who & need->who) || !applies(check->there, need->who, need->has) ||
        !unseen_covers(fold->unseen, str_of(need->name)))
        return false;
    return fold->unseen->subject >= 0 || !seen_beside(check, need, fold->unseen->source);
}

static void tell_fold(struct check *check, const struct fold *fold, struct lack *lacks,
                      const struct rule **scratch)
{
    const struct rules *rules = check->rules;
    uint32_t count = 0;
    const char *why = fold->unseen->why;

    for (uint32_t i = 0; i < rules->need_count; i++) {
        const struct need *need = &rules->needs[i];

        if (!hits_need(check, fold, need) || (count && scratch[count - 1] == need->rule))
            continue;
        scratch[count++] = need->rule;
        lacks[need->rule_index].done = true;
    }
    if (fold->count > 1)
        why = report_printf(check->report, "%s (%u devices)", why, fold->count);
    add_unknown(check, fold->unseen->what, why, scratch, count);
}

/* For each rule of which nothing was seen, the source that would show it. */
static void find_lacks(const struct check *check, struct lack *lacks)
{
    const struct rules *rules = check->rules;

    for (uint32_t i = 0; i < rules->need_count;) {
        uint32_t rule = rules->needs[i].rule_index;
        const struct origin *from = NULL;
        bool judged = false;

        for (; i < rules->need_count && rules->needs[i].rule_index == rule; i++) {
            const struct need *need = &rules->needs[i];
            const struct origin *origin = need->origin;

            if (!applies(check->there, need->who, need->has))
                continue;
            judged = judged || seen(check, need) || (origin && origin_given(check->node, origin));
            if (!from)
                from = origin;
        }
        if (!judged)
            lacks[rule].from = from;
    }
}

/* A source that only so few rules miss is told together with others like it. */
#define FEW_RULES 2

static uint32_t rules_lacking(const struct lack *lacks, const struct origin *from,
                              const struct rule **out)
{
    uint32_t count = 0;

    for (size_t i = 0, all = rule_count(); i < all; i++)
        if (lacks[i].from == from && !lacks[i].done)
            out[count++] = rule_at(i);
    return count;
}

static void tell_lacks(struct check *check, const struct lack *lacks, const struct rule **scratch)
{
    const struct origin *origin;
    const char *minor = NULL;
    uint32_t all = 0;

    for (size_t o = 0; (origin = origin_at(o)) != NULL; o++) {
        uint32_t count = rules_lacking(lacks, origin, scratch);

        if (count > FEW_RULES)
            add_unknown(check, origin->what, "not among the inputs", scratch, count);
    }
    for (size_t o = 0; (origin = origin_at(o)) != NULL; o++) {
        uint32_t count = rules_lacking(lacks, origin, scratch + all);

        if (!count || count > FEW_RULES)
            continue;
        all += count;
        minor = minor ? report_printf(check->report, "%s; %s", minor, origin->what) : origin->what;
    }
    if (minor)
        add_unknown(check, minor, "not among the inputs", scratch, all);
}

void judge_unseen(struct check *check)
{
    size_t count = rule_count();
    struct arena *arena = check->report->arena;
    struct lack *lacks = arena_alloc(arena, count * sizeof(*lacks));
    const struct rule **scratch =
        arena_alloc(arena, (check->rules->need_count + 1) * sizeof(*scratch));
    struct fold folds[FOLDS_MAX];
    uint32_t fold_count;

    if (!lacks || !scratch) {
        check->report->failed = true;
        return;
    }
    fold_count = fold_unseen(check, folds);
    for (uint32_t f = 0; f < fold_count; f++)
        tell_fold(check, &folds[f], lacks, scratch);
    find_lacks(check, lacks);
    tell_lacks(check, lacks, scratch);
}
