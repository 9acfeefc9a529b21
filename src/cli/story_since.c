#include "cli/story.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define OLDER_MAX 10 /* tests that are looked at: each is read and judged as a whole */

enum then { THEN_UNKNOWN, THEN_WELL, THEN_SLOW };

/* What the older tests say about one chapter, the newest of them first. */
struct past {
    uint32_t slow_in; /* tests in which it was slow, up to the one in which it was well */
    char slow_id[64]; /* the oldest of them */
    int64_t slow_ns;
    bool found_well;
    char well_id[64];
    int64_t well_ns;
    double well_value;
};

static long node_named(const struct fabric_result *result, const char *name)
{
    for (size_t i = 0; i < result->nodes.count; i++)
        if (!strcmp(result->nodes.items[i].name, name))
            return (long)i;
    return -1;
}

static bool has_node(const struct suspect *suspect, long node)
{
    for (uint32_t i = 0; i < suspect->node_count; i++)
        if ((long)suspect->nodes[i] == node)
            return true;
    return false;
}

/* How the first suspect of a chapter did in an older test. */
static enum then look(const struct chapter *chapter, const struct fabric_result *now,
                      const struct fabric_result *older, const struct findings_of_fabric *findings,
                      double *value)
{
    const struct suspect *suspect = chapter->suspects[0];
    long nodes[2] = {-1, -1};

    *value = NAN;
    for (uint32_t i = 0; i < 2 && i < suspect->node_count; i++)
        nodes[i] = node_named(older, now->nodes.items[suspect->nodes[i]].name);
    if (!suspect->metric || nodes[0] < 0 || (suspect->node_count > 1 && nodes[1] < 0))
        return THEN_UNKNOWN;
    for (uint32_t i = 0; i < findings->suspect_count; i++) {
        const struct suspect *then = &findings->suspects[i];

        if (then->metric == suspect->metric && has_node(then, nodes[0]) &&
            (suspect->node_count < 2 || has_node(then, nodes[1])))
            return THEN_SLOW;
    }
    for (uint32_t i = 0; i < findings->level_count; i++)
        if (findings->levels[i].metric == suspect->metric &&
            (long)findings->levels[i].node == nodes[0] && isfinite(findings->levels[i].value)) {
            *value = suspect->node_count == 1 ? findings->levels[i].value : NAN;
            return THEN_WELL;
        }
    return THEN_UNKNOWN;
}

static int look_back(struct tale *tale, const struct store_fabric_test *test,
                     const struct chapter *chapters, uint32_t count, struct past *pasts,
                     struct err *err)
{
    struct arena *arena = arena_new(0);
    struct findings_of_fabric findings;
    struct fabric_result *older = NULL;
    int r = arena ? fabric_load_stored(&tale->state, test, &older, err)
                  : err_set(err, -ENOMEM, "no memory for an older test");

    if (r == 0 && model_find(arena, older, &findings) < 0)
        r = err_set(err, -ENOMEM, "no memory to judge an older test");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        struct past *past = &pasts[i];
        double value;
        enum then then = past->found_well
                             ? THEN_UNKNOWN
                             : look(&chapters[i], tale->result, older, &findings, &value);

        if (then == THEN_SLOW) {
            past->slow_in++;
            past->slow_ns = test->began_ns;
            (void)snprintf(past->slow_id, sizeof(past->slow_id), "%s", test->run);
        } else if (then == THEN_WELL) {
            past->found_well = true;
            past->well_ns = test->began_ns;
            past->well_value = value;
            (void)snprintf(past->well_id, sizeof(past->well_id), "%s", test->run);
        }
    }
    result_free(older);
    arena_free(arena);
    return r;
}

static const char *date(int64_t ns, char out[32])
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || !strftime(out, 32, "%F %H:%M UTC", &tm))
        out[0] = '\0';
    return out;
}

static const char *say(struct arena *arena, const struct chapter *chapter, const struct past *past)
{
    char when[32], value[METRIC_VALUE_BYTES];
    const char *number = "";

    if (!past->found_well && !past->slow_in)
        return "no older test of it is kept, so since when cannot be told";
    if (!past->found_well)
        return arena_printf(arena, "slow already in %u older test%s; the oldest is %s of %s",
                            past->slow_in, past->slow_in == 1 ? "" : "s", past->slow_id,
                            date(past->slow_ns, when));
    if (isfinite(past->well_value))
        number =
            arena_printf(arena, " (%s)",
                         metric_value(chapter->suspects[0]->metric->unit, past->well_value, value));
    if (!number)
        return NULL;
    if (!past->slow_in)
        return arena_printf(arena, "well in %s of %s%s, the last test before this", past->well_id,
                            date(past->well_ns, when), number);
    return arena_printf(arena, "well in %s of %s%s; slow in the %u test%s between that and this",
                        past->well_id, date(past->well_ns, when), number, past->slow_in,
                        past->slow_in == 1 ? "" : "s");
}

static bool all_found(const struct past *pasts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!pasts[i].found_well)
            return false;
    return true;
}

int story_since(struct tale *tale, struct arena *arena, struct chapter *chapters, uint32_t count,
                struct err *err)
{
    struct past *pasts = arena_alloc(arena, (count + 1) * sizeof(*pasts));
    struct store_fabric_test *tests = NULL;
    size_t test_count = 0, looked = 0;
    int r = pasts ? 0 : err_set(err, -ENOMEM, "no memory for what was before");

    if (r == 0 && tale->state.store)
        r = store_fabric_list(tale->state.store, arena, &tests, &test_count, err);
    for (size_t i = 0; r == 0 && i < test_count && looked < OLDER_MAX; i++)
        if (tests[i].began_ns < tale->result->began_ns && !all_found(pasts, count)) {
            r = look_back(tale, &tests[i], chapters, count, pasts, err);
            looked++;
        }
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (!chapters[i].suspects[0]->metric)
            continue;
        chapters[i].since = say(arena, &chapters[i], &pasts[i]);
        if (!chapters[i].since)
            r = err_set(err, -ENOMEM, "no memory for a sentence");
    }
    return r;
}
