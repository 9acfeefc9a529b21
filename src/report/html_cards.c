#include "report/html.h"

#include <errno.h>

#define FIELDS_MAX 40

const char *html_share(const struct page *page, const uint32_t *nodes, uint32_t count)
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
        if (items[i].line || items[i].binary)
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
    page_row(page, "nodes", "nodes",
             html_share(page, difference->nodes.nodes, difference->nodes.count));
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
                                  html_share(page, cause->counter_examples.nodes,
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
        page_row(page, "nodes", "nodes", html_share(page, group->nodes, group->node_count));
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
            page_text(page, html_share(page, groups[i].nodes, groups[i].node_count));
            page_html(page, "</span></li>");
        }
    if (notes)
        page_html(page, "</ul>\n");
    return 0;
}
