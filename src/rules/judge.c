#include "base/map.h"
#include "rules/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A device differs from its like only when at least this many agree, and two of three of all. */
#define ODD_AGREE_MIN 3
/* Each is compared with each, so a made-up node with more of a kind is not compared. */
#define ODD_PLACES_MAX 128

/* What a test finds in a block, whosever it is. Blocks are interned, and the 7,000 of a large node
 * are some hundred different ones, so each is looked at once. */
struct block_hit {
    uint32_t test;
    const struct fact *fact;
};

struct block_hits {
    uint32_t count;
    struct block_hit hits[];
};

static const struct block_hits no_hits;

/* A row's test that holds at a place; those of one test form a list. */
struct place {
    uint32_t subject, next; /* 1 + index */
    struct fact_at at;
};

struct judge {
    struct check check;
    struct report report;
    struct map memo; /* block -> block_hits */
    VEC(struct place) places;
    VEC(struct block_hit) scratch;
    uint32_t *first, *last;    /* by test: 1 + index into places */
    const struct rule **named; /* by subject: the last finding whose detail names it */
};

/* ---- the pass over all blocks ---- */

static void scratch_add(struct judge *judge, uint32_t test, const struct fact *fact)
{
    struct block_hit *hit = vec_push(&judge->scratch);

    if (hit)
        *hit = (struct block_hit){test, fact};
    else
        judge->report.failed = true;
}

static void scan_by_block(struct judge *judge, const struct fact_block *block)
{
    const struct rules *rules = judge->check.rules;

    for (uint32_t t = rules->by_block[block->name]; t; t = rules->tests[t - 1].next_block) {
        const struct ready_test *test = &rules->tests[t - 1];
        bool found = false;

        for (uint32_t i = 0; i < block->count; i++) {
            const struct fact *fact = &block->facts[i];

            if (test->row->is.op == OP_ABSENT)
                found = found || fact->key == test->is.path.key;
            else if (fact_satisfies(&test->row->is, fact) &&
                     str_glob(test->is.path.path, str_of(fact_key_name(rules->pool, fact->key))))
                scratch_add(judge, t - 1, fact);
        }
        if (test->row->is.op == OP_ABSENT && !found)
            scratch_add(judge, t - 1, NULL);
    }
}

static const struct block_hits *scan_block(struct judge *judge, const struct fact_block *block)
{
    const struct rules *rules = judge->check.rules;
    uint64_t hash = (uintptr_t)block * 0x9e3779b97f4a7c15u;
    struct block_hits *hits = map_get(&judge->memo, hash, NULL);
    size_t count;

    if (hits)
        return hits;
    judge->scratch.count = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        uint32_t key = block->facts[i].key;

        if (key >= rules->key_count)
            continue;
        for (uint32_t t = rules->by_key[key]; t; t = rules->tests[t - 1].next_key)
            if (fact_satisfies(&rules->tests[t - 1].row->is, &block->facts[i]))
                scratch_add(judge, t - 1, &block->facts[i]);
    }
    scan_by_block(judge, block);
    count = judge->scratch.count;
    hits = (struct block_hits *)&no_hits; /* never written */
    if (count) {
        hits = arena_alloc(judge->report.arena, sizeof(*hits) + count * sizeof(hits->hits[0]));
        if (!hits) {
            judge->report.failed = true;
            return &no_hits;
        }
        hits->count = (uint32_t)count;
        memcpy(hits->hits, judge->scratch.items, count * sizeof(hits->hits[0]));
    }
    if (map_add(&judge->memo, hash, hits) < 0)
        judge->report.failed = true;
    return hits;
}

/* Two sources may tell the same fact of a subject: the first one is shown. */
static bool told_before(const struct judge *judge, uint32_t test, uint32_t subject,
                        const struct fact *fact)
{
    uint32_t last = judge->last[test];
    const struct place *place = last ? &judge->places.items[last - 1] : NULL;

    return place && place->subject == subject && place->at.fact && fact &&
           place->at.fact->key == fact->key;
}

static void add_place(struct judge *judge, uint32_t test, uint32_t subject, struct fact_at at)
{
    struct place *place;

    if (told_before(judge, test, subject, at.fact))
        return;
    place = vec_push(&judge->places);
    if (!place) {
        judge->report.failed = true;
        return;
    }
    *place = (struct place){.subject = subject, .at = at};
    if (judge->last[test])
        judge->places.items[judge->last[test] - 1].next = (uint32_t)judge->places.count;
    else
        judge->first[test] = (uint32_t)judge->places.count;
    judge->last[test] = (uint32_t)judge->places.count;
}

static void note_seen(struct seen_block *seen, uint32_t who, uint16_t source)
{
    seen->several = seen->several || (seen->who && seen->source != source);
    seen->who |= who;
    seen->source = source;
}

static void scan_node(struct judge *judge)
{
    const struct check *check = &judge->check;
    const struct rules *rules = check->rules;
    const struct node *node = check->node;

    for (uint32_t s = 0; s < node->subject_count; s++) {
        const struct subject *subject = &node->subjects[s];

        for (uint32_t r = 0; r < subject->count; r++) {
            const struct fact_ref *ref = &subject->refs[r];
            uint32_t at =
                ref->block->name < rules->key_count ? rules->block_at[ref->block->name] : 0;
            const struct block_hits *hits;

            if (!at)
                continue;
            note_seen(&judge->report.seen[at - 1], check->who[s], ref->source);
            hits = scan_block(judge, ref->block);
            for (uint32_t i = 0; i < hits->count; i++) {
                const struct ready_test *test = &rules->tests[hits->hits[i].test];

                if (test->row->who & check->who[s] && row_holds(check, s, test, hits->hits[i].fact))
                    add_place(judge, hits->hits[i].test, s,
                              (struct fact_at){hits->hits[i].fact, ref});
            }
        }
    }
}

/* ---- rules, one after another ---- */

/* Devices with the same number here are alike. */
static uint64_t model_of(const struct check *check, uint32_t subject)
{
    int index = topo_of(check->topo, subject);
    const char *text;

    switch (check->node->subjects[subject].kind) {
    case SUBJECT_PCI:
        if (index < 0)
            return subject + 1;
        if (check->topo->devices[index].vendor_device)
            return check->topo->devices[index].vendor_device;
        text = check->topo->devices[index].name;
        break;
    case SUBJECT_IB_PORT:
        text = check_text(check, subject, KEY_IB_PSID, "");
        if (!*text)
            text = check_text(check, subject, KEY_IB_TYPE, "");
        break;
    default:
        return 0;
    }
    return (uint64_t)(uintptr_t)text; /* texts are interned */
}

/* How many of this test's places are of this model, how many agree with `value`, and is that value
 * the one of the many? */
static void count_like(const struct judge *judge, uint32_t first, uint64_t model,
                       const struct fact *value, uint32_t *all, uint32_t *agree)
{
    *all = *agree = 0;
    for (uint32_t p = first; p; p = judge->places.items[p - 1].next) {
        const struct place *place = &judge->places.items[p - 1];

        if (model_of(&judge->check, place->subject) != model)
            continue;
        ++*all;
        *agree += fact_equal(place->at.fact, value);
    }
}

/* Two rows of one rule may take offence at the same fact. */
static bool reported(const struct judge *judge, const struct place *place)
{
    const struct report *report = &judge->report;

    for (size_t i = 0; i < report->evidence.count && i < ODD_PLACES_MAX; i++)
        if (report->evidence.items[i].subject == place->subject &&
            report->evidence.items[i].at.fact == place->at.fact)
            return true;
    return false;
}

static void report_odd(struct judge *judge, const struct ready_test *test, uint32_t first)
{
    uint32_t places = 0;

    for (uint32_t p = first; p; p = judge->places.items[p - 1].next)
        if (++places > ODD_PLACES_MAX)
            return;
    for (uint32_t p = first; p; p = judge->places.items[p - 1].next) {
        const struct place place = judge->places.items[p - 1];
        uint64_t model = model_of(&judge->check, place.subject);

        for (uint32_t q = first; q; q = judge->places.items[q - 1].next) {
            const struct place other = judge->places.items[q - 1];
            uint32_t all, agree;

            if (fact_equal(other.at.fact, place.at.fact) ||
                model_of(&judge->check, other.subject) != model)
                continue;
            count_like(judge, first, model, other.at.fact, &all, &agree);
            if (reported(judge, &place) || agree < ODD_AGREE_MIN || agree * 3 < all * 2)
                continue;
            check_hit(&judge->check, place.subject, place.at,
                      "%s%s%s here, %s on %u others of its model",
                      test->row->say ? test->row->say : "", test->row->say ? ": " : "",
                      place.at.fact->text, other.at.fact->text, agree);
            break;
        }
    }
}

static void report_rows(struct judge *judge, uint32_t *next_test, const struct rule *rule)
{
    const struct rules *rules = judge->check.rules;

    for (; *next_test < rules->test_count && rules->tests[*next_test].rule == rule; ++*next_test) {
        const struct ready_test *test = &rules->tests[*next_test];
        uint32_t first = judge->first[*next_test];

        if (test->row->is.op == OP_ODD) {
            report_odd(judge, test, first);
            continue;
        }
        for (uint32_t p = first; p; p = judge->places.items[p - 1].next) {
            const struct place place = judge->places.items[p - 1];

            if (!reported(judge, &place))
                check_hit(&judge->check, place.subject, place.at, test->row->say ? "%s" : NULL,
                          test->row->say);
        }
    }
}

#define DETAIL_NAMES_MAX 8

/* "gpu0, gpu3, nic1 and 5 more". NULL when only the host is concerned. */
static const char *names_of(struct judge *judge)
{
    struct report *report = &judge->report;
    char text[512];
    size_t len = 0, shown = 0, all = 0;

    for (size_t i = 0; i < report->evidence.count; i++) {
        uint32_t subject = report->evidence.items[i].subject;

        if (subject == 0 || judge->named[subject] == judge->check.rule)
            continue;
        judge->named[subject] = judge->check.rule;
        if (all++ < DETAIL_NAMES_MAX && len < sizeof(text) - 1) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", shown++ ? ", " : "",
                                    check_role(&judge->check, subject));
            len = len < sizeof(text) ? len : sizeof(text) - 1;
        }
    }
    if (!all)
        return NULL;
    if (all > shown)
        return report_printf(report, "%s and %zu more", text, all - shown);
    return report_printf(report, "%s", text);
}

static void finish_rule(struct judge *judge, const struct rule *rule)
{
    struct report *report = &judge->report;
    size_t count = report->evidence.count;
    struct evidence *evidence;
    struct finding *finding;

    if (!count)
        return;
    evidence = arena_alloc(report->arena, count * sizeof(*evidence));
    finding = vec_push(&report->findings);
    if (!evidence || !finding) {
        report->failed = true;
        return;
    }
    memcpy(evidence, report->evidence.items, count * sizeof(*evidence));
    *finding = (struct finding){rule, report->detail ? report->detail : names_of(judge), evidence,
                                (uint32_t)count};
}

static void judge_rules(struct judge *judge)
{
    uint32_t test = 0;

    for (size_t i = 0, count = rule_count(); i < count; i++) {
        const struct rule *rule = rule_at(i);

        if (!rules_has(judge->check.rules, rule))
            continue;
        judge->check.rule = rule;
        judge->report.evidence.count = 0;
        judge->report.detail = NULL;
        report_rows(judge, &test, rule);
        if (rule->check)
            rule->check(&judge->check);
        finish_rule(judge, rule);
    }
}

static int worst_first(const void *a, const void *b)
{
    const struct rule *x = ((const struct finding *)a)->rule,
                      *y = ((const struct finding *)b)->rule;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->id, y->id);
}

static int hand_over(struct judge *judge, struct findings *out)
{
    struct report *report = &judge->report;
    size_t findings = report->findings.count, unknowns = report->unknowns.count;

    if (report->failed)
        return -ENOMEM; /* what is there is not whole */
    if (findings)
        qsort(report->findings.items, findings, sizeof(*out->items), worst_first);
    out->items = arena_alloc(report->arena, (findings + 1) * sizeof(*out->items));
    out->unknowns = arena_alloc(report->arena, (unknowns + 1) * sizeof(*out->unknowns));
    if (!out->items || !out->unknowns)
        return -ENOMEM;
    if (findings)
        memcpy(out->items, report->findings.items, findings * sizeof(*out->items));
    if (unknowns)
        memcpy(out->unknowns, report->unknowns.items, unknowns * sizeof(*out->unknowns));
    out->count = (uint32_t)findings;
    out->unknown_count = (uint32_t)unknowns;
    return 0;
}

int rules_judge(const struct rules *rules, struct node *node, const struct topo *topo,
                struct findings *out)
{
    struct judge judge = {.check = {.rules = rules, .node = node, .topo = topo},
                          .report = {.arena = node->arena}};
    struct report *report = &judge.report;
    int r = -ENOMEM;

    judge.check.report = report;
    report->seen = arena_alloc(node->arena, (rules->block_count + 1) * sizeof(*report->seen));
    judge.first = arena_alloc(node->arena, (rules->test_count + 1) * sizeof(uint32_t));
    judge.last = arena_alloc(node->arena, (rules->test_count + 1) * sizeof(uint32_t));
    judge.named = arena_alloc(node->arena, node->subject_count * sizeof(*judge.named));
    if (!report->seen || !judge.first || !judge.last || !judge.named ||
        judge_mark_who(&judge.check) < 0)
        goto out;
    scan_node(&judge);
    judge_rules(&judge);
    judge_unseen(&judge.check);
    r = hand_over(&judge, out);
out:
    map_done(&judge.memo);
    vec_done(&judge.places);
    vec_done(&judge.scratch);
    vec_done(&report->evidence);
    vec_done(&report->findings);
    vec_done(&report->unknowns);
    return r;
}
