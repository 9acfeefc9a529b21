#include "cli/story.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define CHAPTERS_MAX 64

/* What the builder works with: the nodes of the test beside those that were read. */
struct builder {
    struct tale *tale;
    struct request *request;
    struct arena *arena;
    int64_t *fleet_of; /* per node of the test; -1: was not read */
    struct chapter *chapters;
    uint32_t chapter_count;
};

int tale_load(struct tale *tale, const struct subcommand *command, const char *state,
              const char *name)
{
    struct err err = {0};
    int code;

    *tale = (struct tale){0};
    code = state_open(&tale->state, command, state);
    if (code >= 0)
        return code;
    if (fabric_load(&tale->state, name, &tale->result, &err) == 0) {
        tale->fabric.result = tale->result;
        tale->fabric.findings = &tale->findings;
        tale->story.fabric = &tale->fabric;
        if (model_find(tale->state.arena, tale->result, &tale->findings) == 0)
            return -1;
        (void)err_set(&err, -ENOMEM, "no memory to judge %zu measures",
                      tale->result->measures.count);
    }
    tale_done(tale);
    return subcommand_trouble(command, "%s", err.text);
}

void tale_done(struct tale *tale)
{
    result_free(tale->result);
    state_close(&tale->state);
}

/* ---- names ---- */

static int match_nodes(struct builder *builder, struct err *err)
{
    const struct fabric_result *result = builder->tale->result;
    size_t count = result->nodes.count, read = fleet_node_count(builder->request->fleet);
    const char **names = arena_alloc(builder->arena, (count + 1) * sizeof(*names));
    const char *stranger = NULL;
    long found;

    builder->fleet_of = arena_alloc(builder->arena, (count + 1) * sizeof(*builder->fleet_of));
    if (!names || !builder->fleet_of)
        return err_set(err, -ENOMEM, "no memory for the names of the nodes");
    for (size_t i = 0; i < count; i++)
        names[i] = result->nodes.items[i].name;
    found = symptom_match(builder->request->fleet, names, count, builder->fleet_of);
    if (found < 0)
        return err_set(err, (int)found, "no memory for the names of the nodes");
    if (!found)
        return err_set(err, -ENOENT,
                       "none of the %zu nodes of the fabric test is among the %zu "
                       "that were read",
                       count, read);
    for (size_t i = count; i-- > 0;)
        if (builder->fleet_of[i] < 0)
            stranger = names[i];
    builder->tale->story.matched =
        found == (long)count
            ? arena_printf(builder->arena, "All %zu nodes of the test were read.", count)
            : arena_printf(builder->arena,
                           "%ld of the %zu nodes of the test were read; not among them: %s%s",
                           found, count, stranger, found + 1 < (long)count ? " ..." : "");
    return builder->tale->story.matched ? 0 : err_set(err, -ENOMEM, "no memory for a sentence");
}

/* ---- chapters ---- */

/* Why a suspect of this kind has nothing to do with what differs between nodes; NULL: it may. */
static const char *const instead[SUSPECT_KIND_COUNT] = {
    [SUSPECT_LINK] = "no node's setting: each of the two is well with all others; it is the cable "
                     "or the ports between them",
    [SUSPECT_LINK_ONE_WAY] = "no node's setting: both are well with all others and the other way "
                             "round; it is one direction of a cable or port",
    [SUSPECT_GROUP] = "no node's setting: its nodes are slow together and share what lies between "
                      "them and the others: look at their switch and its uplinks",
    [SUSPECT_GROUP_PART] = "no node's setting: some ways out of a switch are slow whichever node "
                           "uses them: one of its uplinks",
    [SUSPECT_BETWEEN] =
        "no node's setting: both groups are well inside and with all others; look at "
        "the cables and routes between their two switches",
    [SUSPECT_CORE] = "no node's setting: alone each pair is well; the core of the network has too "
                     "few ways, or uses them unevenly",
    [SUSPECT_ALL] = "all nodes are slow alike, so nothing that differs between them explains it; "
                    "what the rules say of all nodes is below",
    [SUSPECT_ONE_OF] = "which of the two it is has to be measured first",
    [SUSPECT_TROUBLE] = "a measurement that failed says nothing about what is slow",
};

/* Nodes that are slow by one number are one question; so are those that were lost. */
static struct chapter *chapter_of(struct builder *builder, const struct suspect *suspect)
{
    for (uint32_t i = 0; i < builder->chapter_count && !instead[suspect->kind]; i++) {
        struct chapter *chapter = &builder->chapters[i];
        const struct suspect *first = chapter->suspects[0];

        if (!chapter->instead && first->metric == suspect->metric &&
            (suspect->metric || first->kind == suspect->kind))
            return chapter;
    }
    return NULL;
}

static int make_chapters(struct builder *builder, struct err *err)
{
    const struct findings_of_fabric *findings = &builder->tale->findings;

    builder->chapters = arena_alloc(builder->arena, CHAPTERS_MAX * sizeof(*builder->chapters));
    if (!builder->chapters)
        return err_set(err, -ENOMEM, "no memory for %u suspects", findings->suspect_count);
    for (uint32_t i = 0; i < findings->suspect_count; i++) {
        const struct suspect *suspect = &findings->suspects[i], **suspects;
        struct chapter *chapter = chapter_of(builder, suspect);

        if (!chapter && builder->chapter_count == CHAPTERS_MAX)
            continue;
        if (!chapter) { /* room for all that may follow */
            chapter = &builder->chapters[builder->chapter_count++];
            suspects =
                arena_alloc(builder->arena, (findings->suspect_count - i) * sizeof(*suspects));
            *chapter = (struct chapter){
                .suspects = suspects, .since = "", .others = "", .instead = instead[suspect->kind]};
        }
        suspects = (const struct suspect **)chapter->suspects;
        if (!suspects)
            return err_set(err, -ENOMEM, "no memory for %u suspects", findings->suspect_count);
        suspects[chapter->suspect_count++] = suspect;
    }
    return 0;
}

/* ---- what explains a chapter ---- */

/* Nodes whose pairs are slow for a reason that is not theirs say nothing about settings, but those
 * that are suspects themselves. */
static bool *nodes_of_groups(struct builder *builder, const struct chapter *chapter)
{
    const struct findings_of_fabric *findings = &builder->tale->findings;
    const struct metric *metric = chapter->suspects[0]->metric;
    bool *out = arena_alloc(builder->arena, builder->tale->result->nodes.count + 1);

    for (uint32_t i = 0; out && i < findings->suspect_count; i++) {
        const struct suspect *suspect = &findings->suspects[i];

        if (suspect->metric != metric ||
            (suspect->kind != SUSPECT_GROUP && suspect->kind != SUSPECT_GROUP_PART &&
             suspect->kind != SUSPECT_BETWEEN))
            continue;
        for (uint32_t k = 0; k < suspect->node_count; k++)
            out[suspect->nodes[k]] = true;
    }
    for (uint32_t i = 0; out && i < chapter->suspect_count; i++)
        for (uint32_t k = 0; k < chapter->suspects[i]->node_count; k++)
            out[chapter->suspects[i]->nodes[k]] = false;
    return out;
}

/* What all nodes do, by the model's levels. NAN: there are none, -1: no memory. */
static double typical_level(struct builder *builder, const struct metric *metric)
{
    const struct findings_of_fabric *findings = &builder->tale->findings;
    double *values = arena_alloc(builder->arena, (findings->level_count + 1) * sizeof(*values));
    size_t count = 0;

    if (!values)
        return -1;
    for (uint32_t i = 0; i < findings->level_count; i++)
        if (findings->levels[i].metric == metric && isfinite(findings->levels[i].value))
            values[count++] = findings->levels[i].value;
    return count ? stats_median(values, count) : NAN;
}

/* The model's levels as numbers of nodes. A node whose interval holds what is typical has that: how
 * nodes that are well order themselves is chance, and would make a cause of what one of them shares
 * with those that are slow. Returns 1, 0 when there are none, -ENOMEM. */
static int levels_symptom(struct builder *builder, const struct chapter *chapter,
                          struct symptom *symptom)
{
    const struct metric *metric = chapter->suspects[0]->metric;
    const struct findings_of_fabric *findings = &builder->tale->findings;
    size_t read = fleet_node_count(builder->request->fleet);
    double *values = arena_alloc(builder->arena, (read + 1) * sizeof(*values));
    double typical = typical_level(builder, metric);
    bool *left_out = nodes_of_groups(builder, chapter);
    bool any = false;

    if (!values || !left_out || typical < 0)
        return -ENOMEM;
    for (size_t i = 0; i < read; i++)
        values[i] = NAN;
    for (uint32_t i = 0; i < findings->level_count; i++) {
        const struct node_level *level = &findings->levels[i];

        if (level->metric != metric || !isfinite(level->value) || left_out[level->node] ||
            builder->fleet_of[level->node] < 0)
            continue;
        values[builder->fleet_of[level->node]] =
            level->low <= typical && typical <= level->high ? typical : level->value;
        any = true;
    }
    *symptom = (struct symptom){
        .kind = SYMPTOM_METRIC, .value = values, .higher_is_slower = metric->lower_is_better};
    return any;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The chapter's nodes as those that are slow. Returns 1, 0 when none of them was read, -ENOMEM. */
static int slow_symptom(struct builder *builder, const struct chapter *chapter,
                        struct symptom *symptom)
{
    uint32_t *nodes =
        arena_alloc(builder->arena, (builder->tale->result->nodes.count + 1) * sizeof(*nodes));
    uint32_t count = 0, kept = 0;

    if (!nodes)
        return -ENOMEM;
    for (uint32_t i = 0; i < chapter->suspect_count; i++)
        for (uint32_t k = 0; k < chapter->suspects[i]->node_count; k++) {
            int64_t node = builder->fleet_of[chapter->suspects[i]->nodes[k]];

            if (node >= 0 && count < builder->tale->result->nodes.count)
                nodes[count++] = (uint32_t)node;
        }
    qsort(nodes, count, sizeof(*nodes), by_number);
    for (uint32_t i = 0; i < count; i++)
        if (!i || nodes[i] != nodes[kept - 1])
            nodes[kept++] = nodes[i];
    *symptom = (struct symptom){.kind = SYMPTOM_SLOW, .slow = {nodes, kept}};
    return kept > 0;
}

/* All measures of the metric at its largest size. Returns 1, 0 when there are none, -ENOMEM. */
static int pairs_symptom(struct builder *builder, const struct chapter *chapter,
                         struct symptom *symptom)
{
    const struct metric *metric = chapter->suspects[0]->metric;
    const struct fabric_result *result = builder->tale->result;
    struct symptom_pair *pairs =
        arena_alloc(builder->arena, (result->measures.count + 1) * sizeof(*pairs));
    bool *left_out = nodes_of_groups(builder, chapter);
    uint64_t bytes = 0;
    size_t count = 0;

    if (!pairs || !left_out)
        return -ENOMEM;
    for (size_t i = 0; i < result->measures.count; i++)
        if (result->measures.items[i].metric == metric && result->measures.items[i].bytes > bytes)
            bytes = result->measures.items[i].bytes;
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (m->metric == metric && m->bytes == bytes && builder->fleet_of[m->node] >= 0 &&
            builder->fleet_of[m->peer] >= 0 && !left_out[m->node] && !left_out[m->peer])
            pairs[count++] = (struct symptom_pair){(uint32_t)builder->fleet_of[m->node],
                                                   (uint32_t)builder->fleet_of[m->peer], m->value};
    }
    *symptom = (struct symptom){.kind = SYMPTOM_PAIRS,
                                .pairs = pairs,
                                .pair_count = count,
                                .higher_is_slower = metric->lower_is_better};
    return count > 0;
}

static int explain_chapter(struct builder *builder, struct chapter *chapter, struct err *err)
{
    const struct metric *metric = chapter->suspects[0]->metric;
    struct fleet *fleet = builder->request->fleet;
    struct symptom symptom;
    int r;

    if (chapter->instead)
        return 0;
    r = slow_symptom(builder, chapter, &symptom); /* is any of them known at all? */
    if (r == 0)
        chapter->instead = "none of these nodes is among those that were read";
    if (r > 0 && metric)
        r = levels_symptom(builder, chapter, &symptom);
    if (r > 0) {
        r = fleet_explain(fleet, &symptom, &chapter->explanation, err);
        if (r < 0)
            return r;
        chapter->explained = true;
        if (metric && metric->of_pair)
            r = pairs_symptom(builder, chapter, &symptom);
    }
    if (r > 0) {
        r = fleet_explain(fleet, &symptom, &chapter->pairs, err);
        chapter->by_pairs = r == 0;
        return r;
    }
    return r < 0 ? err_set(err, r, "no memory to explain %zu nodes", fleet_node_count(fleet)) : 0;
}

/* ---- what else was measured of the first node ---- */

static int tell_others(struct builder *builder, struct chapter *chapter, struct err *err)
{
    const struct findings_of_fabric *findings = &builder->tale->findings;
    const struct suspect *first = chapter->suspects[0];
    struct buf slow = {0}, well = {0};
    uint32_t node = first->node_count ? first->nodes[0] : MEASURE_NOBODY;

    if (chapter->instead || !first->metric || node == MEASURE_NOBODY)
        return 0;
    for (uint32_t i = 0; i < findings->level_count; i++) {
        const struct node_level *level = &findings->levels[i];
        bool accused = false;

        if (level->node != node || level->metric == first->metric || !isfinite(level->value))
            continue;
        for (uint32_t k = 0; k < findings->suspect_count && !accused; k++)
            accused = findings->suspects[k].metric == level->metric &&
                      findings->suspects[k].node_count == 1 &&
                      findings->suspects[k].nodes[0] == node;
        buf_printf(accused ? &slow : &well, "%s%s", (accused ? slow : well).len ? ", " : "",
                   level->metric->name);
    }
    if (slow.len || well.len)
        chapter->others = arena_printf(builder->arena, "%s's other numbers: %s%s%s%s%s",
                                       builder->tale->result->nodes.items[node].name,
                                       slow.len ? "slow too: " : "", slow.len ? slow.p : "",
                                       slow.len && well.len ? "; " : "", well.len ? "well: " : "",
                                       well.len ? well.p : "");
    buf_done(&slow);
    buf_done(&well);
    return chapter->others ? 0 : err_set(err, -ENOMEM, "no memory for a sentence");
}

int tale_explain(struct tale *tale, struct request *request, struct err *err)
{
    struct builder builder = {.tale = tale, .request = request, .arena = tale->state.arena};
    struct report *report = &request->report;
    int r = match_nodes(&builder, err);

    if (r == 0)
        r = fleet_compare(request->fleet, &report->differences, &report->difference_count, err);
    if (r == 0)
        r = make_chapters(&builder, err);
    for (uint32_t i = 0; r == 0 && i < builder.chapter_count; i++) {
        r = explain_chapter(&builder, &builder.chapters[i], err);
        if (r == 0)
            r = tell_others(&builder, &builder.chapters[i], err);
    }
    if (r == 0)
        r = story_since(tale, builder.arena, builder.chapters, builder.chapter_count, err);
    tale->story.chapters = builder.chapters;
    tale->story.chapter_count = builder.chapter_count;
    report->kind = REPORT_EXPLAIN;
    report->story = &tale->story;
    return r;
}
