#include "fleet/model.h"

#include "base/stats.h"
#include "fleet/labels.h"
#include "fleet/likely.h"
#include "fleet/naming.h"
#include "fleet/racks.h"
#include "fleet/rank.h"
#include "fleet/sets.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LEVEL           0.05
#define CONFOUNDERS_MAX 8
/* In the order of causes a rule's weight (0 .. 4.5) stands beside the decades of p: near-ties go to
 * what is known to hurt, and to what the rule found to be wrong on the very nodes. */
#define WEIGHT_SHARE    0.2
#define VERDICT_SHARE   0.3
#define INVENTORY_SHARE 0.3
#define BOTH_WAYS       4 /* a minority of at least a quarter may also be the good side */

/* One difference (one way round) against the symptom. */
struct trial {
    struct cause cause;
    struct node_set carriers;
    double p_least; /* that it could reach at best */
    double fit;     /* for the order */
};

struct work {
    struct fleet *fleet;
    const struct symptom *symptom;
    struct arena *arena, *brief; /* what goes with the call, with one trial */
    struct labels labels;
    VEC(struct trial) trials;
};

static void *scratch(struct work *work, size_t count, size_t bytes)
{
    return arena_alloc(work->arena, (count + 1) * bytes);
}

static void *brief(struct work *work, size_t count, size_t bytes)
{
    return arena_alloc(work->brief, (count + 1) * bytes);
}

/* ---- one difference ---- */

/* The nodes of a cohort that were measured: carriers first list, others second. */
struct sides {
    uint32_t *with, *without, with_count, without_count;
    uint32_t slow_with, slow_without;
};

static int take_sides(struct work *work, const struct difference *difference, bool other_way,
                      struct sides *out)
{
    const struct node_set *cohort = &work->fleet->members[difference->cohort];

    *out = (struct sides){0};
    out->with = brief(work, cohort->count, sizeof(uint32_t));
    out->without = brief(work, cohort->count, sizeof(uint32_t));
    if (!out->with || !out->without)
        return -ENOMEM;
    for (uint32_t i = 0; i < cohort->count; i++) {
        uint32_t n = cohort->nodes[i];
        bool carries = set_has(&difference->nodes, n) != other_way;

        if (!work->labels.known[n])
            continue;
        if (carries) {
            out->with[out->with_count++] = n;
            out->slow_with += work->labels.slow[n];
        } else {
            out->without[out->without_count++] = n;
            out->slow_without += work->labels.slow[n];
        }
    }
    return 0;
}

static int test_slow(const struct sides *sides, struct trial *trial)
{
    uint32_t slow = sides->slow_with + sides->slow_without;
    uint32_t all = sides->with_count + sides->without_count;
    uint32_t most = sides->with_count < slow ? sides->with_count : slow;

    trial->cause.p = stats_fisher(sides->slow_with, sides->with_count, slow, all);
    trial->p_least = stats_fisher(most, sides->with_count, slow, all);
    return 0;
}

static int test_metric(struct work *work, const struct sides *sides, struct trial *trial)
{
    double *a = brief(work, sides->with_count, sizeof(*a));
    double *b = brief(work, sides->without_count, sizeof(*b));
    double sign = work->symptom->higher_is_slower ? -1 : 1;

    if (!a || !b)
        return -ENOMEM;
    for (uint32_t i = 0; i < sides->with_count; i++)
        a[i] = work->labels.value[sides->with[i]];
    for (uint32_t i = 0; i < sides->without_count; i++)
        b[i] = work->labels.value[sides->without[i]];
    trial->cause.p = stats_rank_lower(a, sides->with_count, b, sides->without_count);
    if (trial->cause.p < 0)
        return -ENOMEM;
    trial->p_least =
        exp(-stats_log_choose(sides->with_count + sides->without_count, sides->with_count));
    if (sides->with_count && sides->without_count)
        trial->cause.effect =
            sign * (stats_median(a, sides->with_count) - stats_median(b, sides->without_count));
    return 0;
}

/* The typical value of pairs with and without a carrier. */
static int pairs_effect(struct work *work, const struct sides *sides, struct cause *cause)
{
    const struct pairs *pairs = &work->labels.pairs;
    bool *carries = brief(work, pairs->node_count, sizeof(*carries));
    double *a = malloc((pairs->count + 1) * sizeof(*a));
    double *b = malloc((pairs->count + 1) * sizeof(*b));
    uint32_t with = 0, without = 0;

    if (!carries || !a || !b) {
        free(a);
        free(b);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < sides->with_count; i++)
        carries[sides->with[i]] = true;
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (carries[pairs->items[i].a] || carries[pairs->items[i].b])
            a[with++] = pairs->items[i].value;
        else
            b[without++] = pairs->items[i].value;
    }
    if (with && without)
        cause->effect = stats_median(a, with) - stats_median(b, without);
    free(a);
    free(b);
    return 0;
}

static int test_pairs(struct work *work, const struct sides *sides, struct trial *trial)
{
    const struct pairs *pairs = &work->labels.pairs;
    uint32_t all = sides->with_count + sides->without_count, slow, covered;
    uint32_t *population = brief(work, all, sizeof(*population));
    uint8_t *mark = calloc(pairs->count + 1, 1);
    double p;

    if (!population || !mark) {
        free(mark);
        return -ENOMEM;
    }
    pairs_cover(pairs, sides->with, sides->with_count, mark, &slow, &covered);
    free(mark);
    trial->cause.slow_with = slow;
    trial->cause.slow_all = pairs->slow;
    trial->cause.fast_with = covered - slow;
    trial->cause.fast_all = pairs->count - pairs->slow;
    p = stats_fisher(slow, covered, pairs->slow, pairs->count);
    trial->fit = -log10(p) / 1000; /* orders causes whose draws never came close */
    if (p <= LEVEL) {
        for (uint32_t i = 0; i < all; i++)
            population[i] =
                i < sides->with_count ? sides->with[i] : sides->without[i - sides->with_count];
        p = pairs_draw(pairs, population, all, sides->with, sides->with_count);
        if (p < 0)
            return -ENOMEM;
    }
    trial->cause.p = p;
    return pairs_effect(work, sides, &trial->cause);
}

/* Carriers that do well all the same. */
static int find_counter_examples(struct work *work, const struct sides *sides, struct cause *cause)
{
    uint32_t *nodes = arena_alloc(work->fleet->arena, (sides->with_count + 1) * sizeof(*nodes));
    uint32_t count = 0;

    if (!nodes)
        return -ENOMEM;
    for (uint32_t i = 0; i < sides->with_count; i++) {
        uint32_t n = sides->with[i];
        bool fast = !work->labels.slow[n];

        for (uint32_t k = 0; work->symptom->kind == SYMPTOM_PAIRS && fast &&
                             k < work->labels.pairs.start[n + 1] - work->labels.pairs.start[n];
             k++)
            fast = !work->labels.pairs
                        .is_slow[work->labels.pairs.list[work->labels.pairs.start[n] + k]];
        if (fast)
            nodes[count++] = n;
    }
    cause->counter_examples = (struct node_set){nodes, count};
    return 0;
}

static int try_difference(struct work *work, uint32_t index, bool other_way)
{
    const struct difference *difference = &work->fleet->differences[index];
    struct trial trial = {.cause = {.difference = index, .majority_slow = other_way}}, *slot;
    struct sides sides;
    int r;

    arena_reset(work->brief);
    r = take_sides(work, difference, other_way, &sides);
    if (r < 0 || !sides.with_count || !sides.without_count)
        return r;
    if (other_way && sides.without_count * BOTH_WAYS < sides.with_count + sides.without_count)
        return 0;
    trial.cause.slow_with = sides.slow_with;
    trial.cause.slow_all = sides.slow_with + sides.slow_without;
    trial.cause.fast_with = sides.with_count - sides.slow_with;
    trial.cause.fast_all = sides.without_count - sides.slow_without + trial.cause.fast_with;
    switch (work->symptom->kind) {
    case SYMPTOM_SLOW:
        r = test_slow(&sides, &trial);
        break;
    case SYMPTOM_METRIC:
        r = test_metric(work, &sides, &trial);
        break;
    case SYMPTOM_PAIRS:
        r = test_pairs(work, &sides, &trial);
        break;
    }
    if (r == 0)
        r = find_counter_examples(work, &sides, &trial.cause);
    if (r < 0)
        return r;
    slot = vec_push(&work->trials);
    if (!slot)
        return -ENOMEM;
    *slot = trial;
    return 0;
}

/* ---- all of them ---- */

/* Tarone: a difference that could not pass with any outcome (one carrier among many slow nodes) is
 * not counted among the tests. The smallest count that is consistent with itself. */
static size_t count_testable(const struct work *work)
{
    for (size_t m = 1; m < work->trials.count; m++) {
        size_t testable = 0;

        for (size_t i = 0; i < work->trials.count; i++)
            testable += work->trials.items[i].p_least <= LEVEL / (double)m;
        if (testable <= m)
            return m;
    }
    return work->trials.count;
}

static int correct_all(struct work *work, size_t *tests)
{
    size_t count = work->trials.count, m = count_testable(work), kept = 0;
    double *p = scratch(work, count, sizeof(*p));
    uint32_t *order = scratch(work, count, sizeof(*order)),
             *which = scratch(work, count, sizeof(*which));

    if (!p || !order || !which)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        work->trials.items[i].cause.p_corrected = 1;
        if (work->trials.items[i].p_least > LEVEL / (double)m)
            continue;
        which[kept] = (uint32_t)i;
        p[kept++] = work->trials.items[i].cause.p;
    }
    stats_holm(p, order, kept, kept > m ? kept : m);
    for (size_t i = 0; i < kept; i++)
        work->trials.items[which[i]].cause.p_corrected = p[i];
    *tests = m;
    return 0;
}

static bool all_inventory(const struct difference *difference)
{
    for (uint32_t i = 0; i < difference->field_count; i++)
        if (!rank_is_inventory(difference->fields[i].path))
            return false;
    return true;
}

static int by_fit(const void *a, const void *b)
{
    const struct trial *x = a, *y = b;
    bool x_passes = x->cause.p_corrected <= LEVEL, y_passes = y->cause.p_corrected <= LEVEL;

    if (x_passes != y_passes)
        return x_passes ? -1 : 1;
    if (x->fit != y->fit)
        return x->fit > y->fit ? -1 : 1;
    if (x->cause.difference != y->cause.difference)
        return x->cause.difference < y->cause.difference ? -1 : 1;
    return x->cause.majority_slow - y->cause.majority_slow;
}

static void order_all(struct work *work)
{
    for (size_t i = 0; i < work->trials.count; i++) {
        struct trial *trial = &work->trials.items[i];
        const struct difference *difference = &work->fleet->differences[trial->cause.difference];

        trial->fit += -log10(trial->cause.p);
        if (difference->cause) {
            double verdict = rank_verdict(work->fleet, work->fleet->members[difference->cohort],
                                          difference->nodes, difference->cause);

            trial->fit += WEIGHT_SHARE * rule_weight(difference->cause);
            if (trial->cause.majority_slow ? verdict <= -0.5 : verdict >= 0.5)
                trial->fit += VERDICT_SHARE;
        }
        if (all_inventory(difference))
            trial->fit -= INVENTORY_SHARE;
    }
    if (work->trials.count)
        qsort(work->trials.items, work->trials.count, sizeof(*work->trials.items), by_fit);
}

/* Each difference once: the way round that fits better. */
static void drop_second_ways(struct work *work)
{
    size_t kept = 0;

    for (size_t i = 0; i < work->trials.count; i++) {
        size_t k = 0;

        while (k < kept &&
               work->trials.items[k].cause.difference != work->trials.items[i].cause.difference)
            k++;
        if (k == kept)
            work->trials.items[kept++] = work->trials.items[i];
    }
    work->trials.count = kept;
}

/* ---- the answer ---- */

static int note_open(struct work *work, struct buf *note)
{
    for (uint32_t i = 0; i < work->labels.open_count && i < LABELS_OPEN_MAX; i++) {
        const struct symptom_pair *pair = &work->symptom->pairs[work->labels.open[i]];

        buf_printf(note,
                   "; of %s and %s one is slow, one more measurement with a third node decides",
                   work->fleet->nodes.items[pair->a].name, work->fleet->nodes.items[pair->b].name);
    }
    if (work->labels.open_count > LABELS_OPEN_MAX)
        buf_printf(note, "; and %u more such pairs", work->labels.open_count - LABELS_OPEN_MAX);
    return note->failed ? -ENOMEM : 0;
}

/* Where the slow nodes stand is no difference between dumps, but may be the cause. */
static int note_rack(struct work *work, struct buf *note)
{
    struct rack rack;
    int r = racks_find(work->arena, work->fleet, work->labels.known, work->labels.slow, &rack);

    if (r == 1)
        buf_printf(note, "; by name the slow nodes stand together: %u of the %u at %s* are slow",
                   rack.slow_with, rack.slow_with + rack.fast_with, rack.prefix);
    return r < 0 ? r : note->failed ? -ENOMEM : 0;
}

static int write_note(struct work *work, size_t tests, struct explanation *out)
{
    static const char *const names[] = {
        [SYMPTOM_SLOW] = "Fisher's exact test, one-sided",
        [SYMPTOM_METRIC] = "Mann-Whitney rank test, one-sided",
        [SYMPTOM_PAIRS] =
            "a pair is slow if either end is; Fisher's exact test, nodes drawn at random",
    };
    struct buf note = {0};
    uint32_t known = 0;
    int r;

    for (size_t n = 0; n < work->fleet->nodes.count; n++)
        known += work->labels.known[n];
    buf_printf(&note, "%s, on %u node%s", names[work->symptom->kind], known, known == 1 ? "" : "s");
    if (work->symptom->kind != SYMPTOM_SLOW && isfinite(work->labels.threshold))
        buf_printf(&note, ", slow %s %.4g", work->symptom->higher_is_slower ? "above" : "below",
                   work->labels.threshold);
    buf_printf(&note, "; %u difference%s tried, p corrected for %zu test%s (Holm)", out->tried,
               out->tried == 1 ? "" : "s", tests, tests == 1 ? "" : "s");
    r = note_open(work, &note);
    if (r == 0)
        r = note_rack(work, &note);
    if (r == 0) {
        out->note = arena_copy(work->fleet->arena, note.p, note.len);
        r = note.failed || !out->note ? -ENOMEM : 0;
    }
    buf_done(&note);
    return r;
}

/* Is nothing slow, or nothing fast? */
static void say_extremes(const struct work *work, struct explanation *out)
{
    const struct pairs *pairs = &work->labels.pairs;
    uint32_t fast = 0;

    if (work->symptom->kind == SYMPTOM_PAIRS) {
        out->none_slow = pairs->slow == 0;
        out->all_slow = pairs->slow == pairs->count;
        return;
    }
    for (size_t n = 0; n < work->fleet->nodes.count; n++)
        fast += work->labels.known[n] && !work->labels.slow[n];
    out->none_slow = out->slow.count == 0;
    out->all_slow = fast == 0;
}

static int write_answer(struct work *work, struct explanation *out)
{
    struct arena *arena = work->fleet->arena;
    size_t count = work->trials.count;
    struct cause *causes = arena_alloc(arena, (count + 1) * sizeof(*causes));
    struct cause *confounders = arena_alloc(arena, CONFOUNDERS_MAX * sizeof(*confounders));
    uint32_t *slow = arena_alloc(arena, (work->fleet->nodes.count + 1) * sizeof(*slow));

    if (!causes || !confounders || !slow)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct cause *cause = &work->trials.items[i].cause;

        causes[i] = *cause;
        if (cause->p_corrected > LEVEL)
            continue;
        out->explaining++; /* those that pass come first */
        if (i && out->confounder_count < CONFOUNDERS_MAX &&
            all_inventory(&work->fleet->differences[cause->difference]))
            confounders[out->confounder_count++] = *cause;
    }
    out->causes = causes;
    out->cause_count = (uint32_t)count;
    out->confounders = confounders;
    for (uint32_t n = 0; n < work->fleet->nodes.count; n++)
        if (work->labels.slow[n])
            slow[out->slow.count++] = n;
    out->slow.nodes = slow;
    say_extremes(work, out);
    return likely_find(arena, work->fleet, out);
}

int fleet_explain(struct fleet *fleet, const struct symptom *symptom, struct explanation *out,
                  struct err *err)
{
    struct work work = {
        .fleet = fleet, .symptom = symptom, .arena = arena_new(0), .brief = arena_new(0)};
    size_t tests = 0;
    int r = -ENOMEM;

    *out = (struct explanation){0};
    if (!fleet->compared) {
        arena_free(work.arena);
        arena_free(work.brief);
        return err_set(err, -EINVAL, "compare the nodes before explaining them");
    }
    if (work.arena && work.brief)
        r = labels_make(work.arena, fleet, symptom, &work.labels);
    for (uint32_t i = 0; i < fleet->difference_count && r == 0; i++) {
        /* How a tool printed it, or how buses were numbered, slows nothing. */
        if (fleet->differences[i].kind == DIFF_TOOL_VERSION ||
            fleet->differences[i].kind == DIFF_RENUMBERED)
            continue;
        out->tried++;
        r = try_difference(&work, i, false);
        if (r == 0)
            r = try_difference(&work, i, true);
    }
    if (r == 0)
        r = correct_all(&work, &tests);
    if (r == 0) {
        order_all(&work);
        drop_second_ways(&work);
        r = write_answer(&work, out);
    }
    if (r == 0)
        r = write_note(&work, tests, out);
    vec_done(&work.trials);
    arena_free(work.arena);
    arena_free(work.brief);
    return r < 0 ? err_set(err, r, "no memory to explain %zu nodes", fleet->nodes.count) : 0;
}
