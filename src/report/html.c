#include "report/html.h"

#include "report/explained.h"
#include "report/story.h"

#include <errno.h>
#include <stdlib.h>

/* Columns and rows of the table of nodes against differences: more would not be read. */
#define TABLE_DIFFERENCES_MAX 24
#define TABLE_NODES_MAX       2000
#define FIELDS_MAX            40

static const char *share(const struct page *page, const uint32_t *nodes, uint32_t count)
{
    size_t all = fleet_node_count(page->report->fleet);
    const char *names = report_nodes(page->arena, page->report->fleet, nodes, count);

    if (names && all > 1 && count != all)
        return arena_printf(page->arena, "%s (%u of %zu)", names, count, all);
    return names;
}

static void proofs(const struct page *page, const struct proof *items, uint32_t count,
                   uint32_t places)
{
    if (!count)
        return;
    page_html(page, "<dt>lines</dt><dd>");
    for (uint32_t i = 0; i < count; i++) {
        if (report_proof_repeats(items, i))
            continue;
        page_html(page, "<div class=\"mono\"><span class=\"src\">");
        page_text(page, items[i].source);
        buf_printf(page->out, items[i].binary ? "+0x%x" : ":%u", items[i].line);
        page_html(page, "</span> ");
        if (items[i].where && *items[i].where) {
            page_element(page, "span", "dim", items[i].where);
            page_html(page, " ");
        }
        page_text(page, items[i].text);
        page_html(page, "</div>");
    }
    if (places > count)
        buf_printf(page->out, "<div class=\"dim\">... and %u more places</div>", places - count);
    page_html(page, "</dd>");
}

static void harm_and_fix(const struct page *page, const struct rule *rule)
{
    page_row(page, "harm", NULL, rule->harm);
    if (rule->source && *rule->source)
        page_row(page, "source", "dim", rule->source);
    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++)
        page_row(page, i ? "" : "fix", i ? NULL : "fix",
                 arena_printf(page->arena, "%s: %s", rule->fixes[i].where, rule->fixes[i].what));
    if (rule->basis == BASIS_KNOWN)
        page_row(
            page, "note", "dim",
            "unconfirmed: rests on general engineering knowledge, not on a published measurement "
            "or a "
            "real dump");
}

static void card_title(const struct page *page, const struct rule *rule, const char *title)
{
    page_html(page, "<section class=\"card\"><h3>");
    if (rule)
        buf_printf(page->out, "<span class=\"sev %s\">%s</span>", severity_name(rule->severity),
                   severity_name(rule->severity));
    page_text(page, title);
    if (rule)
        buf_printf(page->out, " <code class=\"dim\">%s</code>", rule->id);
    page_html(page, "</h3><dl>");
}

static void field(const struct page *page, const struct folded_field *folded)
{
    const struct diff_field *field = folded->field;

    page_html(page, "<tr><td class=\"mono\">");
    page_text(page, folded->roles);
    page_html(page, "</td><td class=\"mono\">");
    page_text(page, field->path);
    page_html(page, "</td><td>");
    for (uint32_t i = 1; i < field->value_count && i <= 6; i++) {
        if (i > 1)
            page_html(page, ", ");
        page_element(page, "b", NULL, field->values[i].text);
        buf_printf(page->out, " on %u", field->values[i].nodes.count);
    }
    if (field->value_count > 7)
        buf_printf(page->out, ", %u other values", field->value_count - 7);
    page_html(page, "</td><td>");
    page_text(page, field->values[0].text);
    buf_printf(page->out, " on %u</td></tr>", field->values[0].nodes.count);
}

void html_difference(const struct page *page, const struct difference *difference,
                     const struct cause *cause)
{
    const struct rule *rule = difference->cause;
    uint32_t count = 0, shown;
    const struct folded_field *folded = report_fold_fields(page->arena, difference, &count);

    if (!folded)
        count = 0;
    shown = count < FIELDS_MAX ? count : FIELDS_MAX;
    card_title(page, rule,
               arena_printf(page->arena, "%u. %s", difference->rank, difference->title));
    page_row(page, "nodes", "nodes", share(page, difference->nodes.nodes, difference->nodes.count));
    if (cause) {
        page_row(
            page, "test", NULL,
            arena_printf(page->arena,
                         "p = %.2g corrected (%.2g before): carried by %u of %u slow and %u of %u "
                         "fast",
                         cause->p_corrected, cause->p, cause->slow_with, cause->slow_all,
                         cause->fast_with, cause->fast_all));
        if (cause->counter_examples.count)
            page_row(page, "but", NULL,
                     arena_printf(page->arena, "fast in spite of it: %s",
                                  share(page, cause->counter_examples.nodes,
                                        cause->counter_examples.count)));
    }
    buf_printf(page->out, "<dt>facts</dt><dd>%u changed together%s", difference->changed_facts,
               rule && rule->bios ? "; a BIOS option does this" : "");
    page_html(page, "<details><summary>show</summary><div class=\"wide\"><table><tr><th>role</th>"
                    "<th>fact</th><th>here</th><th>the others</th></tr>");
    for (uint32_t i = 0; i < shown; i++)
        field(page, &folded[i]);
    page_html(page, "</table></div>");
    if (count > shown)
        buf_printf(page->out, "<span class=\"dim\">... and %u more kinds of field</span>",
                   count - shown);
    page_html(page, "</details></dd>");
    proofs(page, difference->proofs, difference->proof_count, difference->proof_count);
    if (rule)
        harm_and_fix(page, rule);
    page_html(page, "</dl></section>\n");
}

static bool carries(const struct node_set *set, uint32_t node)
{
    uint32_t low = 0, high = set->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->nodes[low] == node;
}

static void table_row(const struct page *page, uint32_t n, size_t columns, bool slow)
{
    const struct report *report = page->report;

    page_html(page, "<tr>");
    page_element(page, "td", slow ? "slow" : NULL,
                 arena_printf(page->arena, "%s%s", fleet_node(report->fleet, n)->name,
                              slow ? " (slow)" : ""));
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];
        bool odd = carries(&d->nodes, n);
        const char *value = "";

        for (uint32_t v = 0; odd && d->field_count && v < d->fields[0].value_count; v++)
            if (carries(&d->fields[0].values[v].nodes, n))
                value = d->fields[0].values[v].text;
        page_element(page, "td", odd ? "odd" : NULL, odd && !*value ? "yes" : value);
    }
    page_html(page, "</tr>\n");
}

/* Nodes against differences: the slow ones first, then those that carry the first difference, then
 * the second ...; a node that carries none has no row. */
static void table(const struct page *page)
{
    const struct report *report = page->report;
    size_t columns = report->difference_count < TABLE_DIFFERENCES_MAX ? report->difference_count
                                                                      : TABLE_DIFFERENCES_MAX;
    size_t nodes = fleet_node_count(report->fleet), rows = 0, done = 0;
    bool *listed = arena_alloc(page->arena, nodes + 1);

    if (!columns || !listed)
        return;
    page_html(page,
              "<h2>Nodes against differences</h2><div class=\"wide\"><table><tr><th>node</th>");
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];

        page_html(page, "<th title=\"");
        page_text(page, d->title);
        buf_printf(page->out, "\">%u. ", d->rank);
        page_text(page, d->title);
        page_html(page, "</th>");
    }
    page_html(page, "</tr>\n");
    for (size_t pass = 0; pass <= columns; pass++)
        for (uint32_t n = 0; n < nodes; n++) {
            bool slow = report->explanation && carries(&report->explanation->slow, n);

            if (listed[n] || !(pass ? carries(&report->differences[pass - 1].nodes, n) : slow))
                continue;
            listed[n] = true;
            done++;
            if (rows < TABLE_NODES_MAX) {
                table_row(page, n, columns, slow);
                rows++;
            }
        }
    page_html(page, "</table></div>");
    if (done > rows)
        buf_printf(page->out, "<p class=\"dim\">%zu further nodes carry some of these.</p>",
                   done - rows);
    if (nodes > done)
        buf_printf(page->out, "<p class=\"dim\">%zu further nodes carry none of these.</p>",
                   nodes - done);
    if (report->difference_count > columns)
        buf_printf(page->out, "<p class=\"dim\">%zu further differences are not columns here.</p>",
                   report->difference_count - columns);
}

int html_findings(const struct page *page)
{
    const struct grouped *groups;
    long count = report_group(page->arena, page->report->fleet, &groups);
    bool notes = false;

    if (count < 0)
        return -ENOMEM;
    if (count)
        page_html(page, "<h2>By the rules, also what all nodes share</h2>");
    for (long i = 0; i < count; i++) {
        const struct grouped *group = &groups[i];
        const struct difference *told;

        if (group->rule->severity == SEVERITY_INFO) {
            notes = true;
            continue;
        }
        card_title(page, group->rule, group->rule->title);
        page_row(page, "nodes", "nodes", share(page, group->nodes, group->node_count));
        told = report_told_by(page->report, group);
        if (group->first->detail)
            page_row(page, "what", NULL, group->first->detail);
        if (told) {
            page_row(page, "see", NULL,
                     arena_printf(page->arena, "difference %u above", told->rank));
            page_html(page, "</dl></section>\n");
            continue;
        }
        proofs(page, group->first->proofs, group->first->proof_count, group->first->place_count);
        harm_and_fix(page, group->rule);
        page_html(page, "</dl></section>\n");
    }
    if (notes)
        page_html(page, "<h2>For information (no fault)</h2><ul>");
    for (long i = 0; i < count; i++)
        if (groups[i].rule->severity == SEVERITY_INFO) {
            page_html(page, "<li>");
            page_text(page, groups[i].rule->title);
            if (groups[i].first->detail) {
                page_html(page, ": ");
                page_text(page, groups[i].first->detail);
            }
            page_html(page, " <span class=\"dim\">");
            page_text(page, share(page, groups[i].nodes, groups[i].node_count));
            page_html(page, "</span></li>");
        }
    if (notes)
        page_html(page, "</ul>\n");
    return 0;
}

static int unknowns(const struct page *page)
{
    const struct grouped_unknown *groups;
    const struct fleet *fleet = page->report->fleet;
    long count = report_group_unknowns(page->arena, fleet, &groups);

    if (count < 0)
        return -ENOMEM;
    if (count)
        page_html(page, "<h2>Unknown: not seen, so not judged</h2><ul>");
    for (long i = 0; i < count; i++) {
        page_html(page, "<li>");
        page_text(page, groups[i].what);
        page_html(page, ": ");
        page_text(page, groups[i].why);
        page_html(page, " <span class=\"dim\">");
        page_text(page, share(page, groups[i].nodes, groups[i].node_count));
        page_html(page, "</span></li>");
    }
    if (count)
        page_html(page, "</ul>\n");
    for (size_t i = 0; i < fleet_node_count(fleet); i++)
        if (fleet_node(fleet, i)->error)
            page_element(page, "p", "dim", fleet_node(fleet, i)->error);
    for (size_t i = 0; i < page->report->trouble_count; i++)
        page_element(page, "p", "dim",
                     arena_printf(page->arena, "%s: %s", page->report->troubles[i].path,
                                  page->report->troubles[i].text));
    return 0;
}

static const char *headline(const struct page *page)
{
    const struct report *report = page->report;
    const struct explanation *explanation = report->explanation;

    if (report->story)
        return story_headline(page->arena, report);
    if (!explanation)
        return arena_printf(page->arena,
                            report->kind == REPORT_INSPECT ? "%zu node%s judged by the rules"
                                                           : "%zu node%s compared",
                            fleet_node_count(report->fleet),
                            fleet_node_count(report->fleet) == 1 ? "" : "s");
    return explained_headline(page->arena, report, explanation);
}

static void causes(const struct page *page)
{
    const struct explanation *explanation = page->report->explanation;

    if (explained_cause(explanation)) {
        page_html(page, "<h2>What explains it</h2>");
        page_element(page, "p", NULL, explained_verdict(page->arena, page->report, explanation));
    }
    html_causes(page, explanation);
}

int report_html(const struct report *report, struct buf *out)
{
    struct page page = {.report = report, .arena = arena_new((size_t)1 << 30), .out = out};
    int r = 0;

    if (!page.arena)
        return -ENOMEM;
    page_begin(&page);
    page_element(&page, "h1", NULL, headline(&page));
    buf_printf(out, "<p class=\"dim\">%zu nodes, policy %s, firstlight %s",
               fleet_node_count(report->fleet), policy_name(report->policy), FIRSTLIGHT_VERSION);
    if (report->command) {
        page_html(&page, "<br><code>");
        page_text(&page, report->command);
        page_html(&page, "</code>");
    }
    if (report->explanation && report->explanation->note) {
        page_html(&page, "<br>");
        page_text(&page, report->explanation->note);
    }
    page_html(&page, "</p>\n");
    if (report->explanation)
        causes(&page);
    if (report->story)
        r = html_story(&page);
    if (report->kind != REPORT_INSPECT) {
        table(&page);
        buf_printf(out, "<h2>%s (%zu)</h2>",
                   report->difference_count ? "All differences between nodes that should be alike"
                                            : "No differences between nodes that should be alike",
                   report->difference_count);
        for (size_t i = 0; i < report->difference_count; i++)
            html_difference(&page, &report->differences[i], NULL);
    }
    if (r == 0)
        r = html_findings(&page);
    if (r == 0)
        r = unknowns(&page);
    page_end(&page);
    arena_free(page.arena);
    return out->failed ? -ENOMEM : r;
}
