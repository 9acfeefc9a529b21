#include "report/html.h"

#include "report/explained.h"
#include "report/story.h"

#include <errno.h>

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
        page_text(page, html_share(page, groups[i].nodes, groups[i].node_count));
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
    buf_printf(out, "<p class=\"dim\">%zu node%s, policy %s, firstlight %s",
               fleet_node_count(report->fleet), fleet_node_count(report->fleet) == 1 ? "" : "s",
               policy_name(report->policy), FIRSTLIGHT_VERSION);
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
        html_table(&page);
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
