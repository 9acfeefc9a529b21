#include "report/story.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

/* Texts from outside may hold bytes that are no UTF-8: they become U+FFFD, so that the answer is
 * always valid JSON. */
static json_t *text_of(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    struct buf clean = {0};

    if (value)
        return value;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x80)
            buf_add(&clean, (const char *)p, 1);
        else
            buf_puts(&clean, "\xef\xbf\xbd");
    }
    value = clean.failed ? NULL : json_string(clean.p ? clean.p : "");
    buf_done(&clean);
    return value;
}

static json_t *names_of(const struct fleet *fleet, struct node_set set)
{
    json_t *names = json_array();

    for (uint32_t i = 0; i < set.count; i++)
        (void)json_array_append_new(names, text_of(fleet_node(fleet, set.nodes[i])->name));
    return names;
}

/* Bytes have no lines, nor has what a log does not say: there the line is null. In bytes the offset
 * says where. */
static json_t *evidence_of(const struct proof *proofs, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++) {
        json_t *item = json_pack(
            "{s:o, s:o, s:o, s:o}", "source", text_of(proofs[i].source), "line",
            proofs[i].binary || !proofs[i].line ? json_null() : json_integer(proofs[i].line),
            "where", text_of(proofs[i].where), "text", text_of(proofs[i].text));

        if (proofs[i].binary)
            (void)json_object_set_new(item, "offset", json_integer(proofs[i].line));
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *fix_of(const struct rule *rule)
{
    json_t *list = json_array();

    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:o, s:o}", "where", text_of(rule->fixes[i].where),
                                              "what", text_of(rule->fixes[i].what)));
    return list;
}

static bool unconfirmed(const struct rule *rule)
{
    return rule->basis == BASIS_KNOWN;
}

static json_t *node_of(const struct fleet *fleet, const struct fleet_node *node)
{
    json_t *sources = json_array(), *out;

    for (uint32_t i = 0; i < node->source_count && node->sources && node->sources[i]; i++)
        (void)json_array_append_new(sources, text_of(node->sources[i]));
    out = json_pack(
        "{s:o, s:o, s:o, s:i}", "name", text_of(node->name), "cohort",
        node->error
            ? json_null()
            : text_of(fleet_cohort_count(fleet) ? fleet_cohort(fleet, node->cohort)->name : NULL),
        "sources", sources, "source_count", (int)node->source_count);
    if (node->error)
        (void)json_object_set_new(out, "error", text_of(node->error));
    return out;
}

static json_t *finding_of(const struct fleet_node *node, const struct fleet_finding *finding)
{
    const struct rule *rule = finding->rule;

    return json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:i, s:o}", "node", text_of(node->name),
        "rule", rule->id, "severity", severity_name(rule->severity), "title", text_of(rule->title),
        "detail", text_of(finding->detail), "harm", text_of(rule->harm), "fix", fix_of(rule),
        "bios", rule->bios, "unconfirmed", unconfirmed(rule), "places", (int)finding->place_count,
        "evidence", evidence_of(finding->proofs, finding->proof_count));
}

static json_t *field_of(const struct fleet *fleet, const struct diff_field *field)
{
    json_t *values = json_array();

    for (uint32_t i = 0; i < field->value_count; i++)
        (void)json_array_append_new(values, json_pack("{s:o, s:i, s:o}", "value",
                                                      text_of(field->values[i].text), "count",
                                                      (int)field->values[i].nodes.count, "nodes",
                                                      names_of(fleet, field->values[i].nodes)));
    return json_pack("{s:o, s:o, s:o}", "role", text_of(field->role), "path", text_of(field->path),
                     "values", values);
}

static json_t *difference_of(const struct fleet *fleet, const struct difference *difference)
{
    static const char *const kinds[] = {"setting", "missing device", "extra device", "renumbered",
                                        "tool version"};
    json_t *fields = json_array(), *also = json_array(), *out;

    for (uint32_t i = 0; i < difference->field_count; i++)
        (void)json_array_append_new(fields, field_of(fleet, &difference->fields[i]));
    for (size_t i = 0; i < ARRAY_LEN(difference->also) && difference->also[i]; i++)
        (void)json_array_append_new(also, json_string(difference->also[i]->id));
    out = json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:f, s:o}", "rank",
                    (int)difference->rank, "kind", kinds[difference->kind], "cause",
                    difference->cause ? json_string(difference->cause->id) : json_null(), "title",
                    text_of(difference->title), "also", also, "nodes",
                    names_of(fleet, difference->nodes), "fields", fields, "changed_facts",
                    (int)difference->changed_facts, "score", difference->score, "evidence",
                    evidence_of(difference->proofs, difference->proof_count));
    if (difference->cause) {
        (void)json_object_set_new(out, "severity",
                                  json_string(severity_name(difference->cause->severity)));
        (void)json_object_set_new(out, "harm", text_of(difference->cause->harm));
        (void)json_object_set_new(out, "fix", fix_of(difference->cause));
        (void)json_object_set_new(out, "bios", json_boolean(difference->cause->bios));
        (void)json_object_set_new(out, "unconfirmed", json_boolean(unconfirmed(difference->cause)));
    }
    return out;
}

static json_t *cause_of(const struct report *report, const struct cause *cause, bool explains)
{
    const struct difference *difference = &report->differences[cause->difference];

    return json_pack("{s:o, s:o, s:i, s:b, s:f, s:f, s:i, s:i, s:i, s:i, s:f, s:o, s:o}", "cause",
                     difference->cause ? json_string(difference->cause->id) : json_null(), "title",
                     text_of(difference->title), "difference", (int)difference->rank, "explains",
                     explains, "p", cause->p, "p_corrected", cause->p_corrected, "slow_with",
                     (int)cause->slow_with, "slow_all", (int)cause->slow_all, "fast_with",
                     (int)cause->fast_with, "fast_all", (int)cause->fast_all, "effect",
                     isfinite(cause->effect) ? cause->effect : 0.0, "nodes",
                     names_of(report->fleet, difference->nodes), "counter_examples",
                     names_of(report->fleet, cause->counter_examples));
}

/* The ranked list of causes, and beside it how they were tested. */
static json_t *explanation_of(const struct report *report, const struct explanation *explanation)
{
    json_t *causes = json_array(), *likely = json_array(), *confounders = json_array();

    for (uint32_t i = 0; i < explanation->likely_count; i++)
        (void)json_array_append_new(likely, cause_of(report, explanation->likely[i], false));
    for (uint32_t i = 0; i < explanation->cause_count; i++)
        (void)json_array_append_new(
            causes, cause_of(report, &explanation->causes[i], i < explanation->explaining));
    for (uint32_t i = 0; i < explanation->confounder_count; i++)
        (void)json_array_append_new(confounders,
                                    cause_of(report, &explanation->confounders[i], true));
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "explanation", causes, "likely", likely, "unexplained",
        names_of(report->fleet, explanation->left), "confounders", confounders, "test",
        json_pack("{s:i, s:i, s:o, s:o}", "explaining", (int)explanation->explaining, "tried",
                  (int)explanation->tried, "slow", names_of(report->fleet, explanation->slow),
                  "note", text_of(explanation->note)));
}

static void add_explanation(const struct report *report, json_t *root)
{
    json_t *explanation = explanation_of(report, report->explanation);

    (void)json_object_update(root, explanation);
    json_decref(explanation);
}

/* NULL when the number is none. */
static json_t *number_of(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *suspect_of(const struct report *report, const struct suspect *suspect)
{
    const struct fabric_result *result = report->story->fabric->result;
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < suspect->node_count; i++)
        (void)json_array_append_new(nodes, text_of(result->nodes.items[suspect->nodes[i]].name));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
                     suspect_kind_names[suspect->kind], "metric",
                     suspect->metric ? json_string(suspect->metric->name) : json_null(), "part",
                     text_of(suspect->part), "nodes", nodes, "value", number_of(suspect->value),
                     "low", number_of(suspect->low), "high", number_of(suspect->high), "typical",
                     number_of(suspect->typical), "slower", number_of(suspect->slower),
                     "confidence", number_of(suspect->confidence), "sentence",
                     text_of(suspect->sentence));
}

static json_t *chapter_of(struct arena *arena, const struct report *report,
                          const struct chapter *chapter)
{
    const struct cause *cause = chapter_cause(chapter);
    json_t *suspects = json_array(), *out;

    for (uint32_t i = 0; i < chapter->suspect_count; i++)
        (void)json_array_append_new(suspects, suspect_of(report, chapter->suspects[i]));
    out = chapter->explained ? explanation_of(report, &chapter->explanation) : json_object();
    (void)json_object_set_new(out, "suspects", suspects);
    (void)json_object_set_new(out, "since", text_of(chapter->since));
    (void)json_object_set_new(out, "others", text_of(chapter->others));
    (void)json_object_set_new(out, "verdict", text_of(chapter_verdict(arena, report, chapter)));
    (void)json_object_set_new(out, "cause",
                              cause ? cause_of(report, cause, chapter->explanation.explaining > 0)
                                    : json_null());
    if (chapter->by_pairs)
        (void)json_object_set_new(out, "pairs", explanation_of(report, &chapter->pairs));
    return out;
}

static void add_story(const struct report *report, json_t *root)
{
    const struct story *story = report->story;
    struct arena *arena = arena_new(0);
    json_t *chapters = json_array();

    for (uint32_t i = 0; arena && i < story->chapter_count; i++)
        (void)json_array_append_new(chapters, chapter_of(arena, report, &story->chapters[i]));
    (void)json_object_set_new(root, "fabric",
                              json_pack("{s:o, s:o, s:o}", "id", text_of(story->fabric->result->id),
                                        "headline",
                                        text_of(arena ? story_headline(arena, report) : ""),
                                        "matched", text_of(story->matched)));
    (void)json_object_set_new(root, "chapters", chapters);
    arena_free(arena);
}

static json_t *unknowns_of(const struct report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < fleet_node_count(report->fleet); i++) {
        const struct fleet_node *node = fleet_node(report->fleet, i);

        for (uint32_t k = 0; k < node->unknown_count; k++)
            (void)json_array_append_new(list,
                                        json_pack("{s:o, s:o, s:o}", "node", text_of(node->name),
                                                  "what", text_of(node->unknowns[k].what), "why",
                                                  text_of(node->unknowns[k].why)));
        if (node->error)
            (void)json_array_append_new(
                list, json_pack("{s:o, s:s, s:o}", "node", text_of(node->name), "what",
                                "the whole node", "why", text_of(node->error)));
    }
    for (size_t i = 0; i < report->trouble_count; i++)
        (void)json_array_append_new(list, json_pack("{s:n, s:o, s:o}", "node", "what",
                                                    text_of(report->troubles[i].path), "why",
                                                    text_of(report->troubles[i].text)));
    return list;
}

static int append(const char *bytes, size_t len, void *out)
{
    buf_add(out, bytes, len);
    return ((struct buf *)out)->failed ? -1 : 0;
}

int report_json(const struct report *report, struct buf *out)
{
    json_t *root = json_object(), *nodes = json_array(), *findings = json_array();
    json_t *differences = json_array();
    int r = 0;

    for (size_t i = 0; i < fleet_node_count(report->fleet); i++) {
        const struct fleet_node *node = fleet_node(report->fleet, i);

        (void)json_array_append_new(nodes, node_of(report->fleet, node));
        for (uint32_t k = 0; k < node->finding_count; k++)
            (void)json_array_append_new(findings, finding_of(node, &node->findings[k]));
    }
    (void)json_object_set_new(root, "firstlight", json_string(FIRSTLIGHT_VERSION));
    (void)json_object_set_new(root, "policy", json_string(policy_name(report->policy)));
    (void)json_object_set_new(root, "nodes", nodes);
    (void)json_object_set_new(root, "findings", findings);
    for (size_t i = 0; i < report->difference_count; i++)
        (void)json_array_append_new(differences,
                                    difference_of(report->fleet, &report->differences[i]));
    (void)json_object_set_new(root, "differences", differences); /* none in inspect */
    (void)json_object_set_new(root, "unknown", unknowns_of(report));
    if (report->explanation)
        add_explanation(report, root);
    if (report->story)
        add_story(report, root);
    if (json_dump_callback(root, append, out, JSON_INDENT(1)) < 0 || out->failed)
        r = -ENOMEM;
    buf_puts(out, "\n");
    json_decref(root);
    return out->failed ? -ENOMEM : r;
}
