#include "report/explained.h"
#include "report/fabric_svg.h"
#include "report/html.h"
#include "report/story.h"

#include <errno.h>

#define SUSPECTS_MAX 200 /* of a chapter */
#define CAUSES_MAX   5

static void put_suspects(const struct page *page, const struct chapter *chapter)
{
    for (uint32_t i = 1; i < chapter->suspect_count && i < SUSPECTS_MAX; i++)
        page_row(page, i > 1 ? "" : "and", NULL, chapter->suspects[i]->sentence);
    if (chapter->suspect_count > SUSPECTS_MAX)
        page_row(
            page, "", "dim",
            arena_printf(page->arena, "... and %u more", chapter->suspect_count - SUSPECTS_MAX));
}

static void put_head(const struct page *page, const struct chapter *chapter, uint32_t number)
{
    const struct fabric_result *result = page->report->story->fabric->result;
    const struct suspect *suspect = chapter->suspects[0];
    const char *numbers = suspect_numbers(page->arena, suspect);
    const char *by_pairs = chapter_by_pairs(page->arena, page->report, chapter);

    buf_printf(page->out, "<section class=\"card\"><h3><span class=\"sev fatal\">%s</span>%u. ",
               suspect_kind_names[suspect->kind], number);
    page_text(page, suspect_title(page->arena, result, suspect));
    if (suspect->metric)
        buf_printf(page->out, " <code class=\"dim\">%s</code>", suspect->metric->name);
    page_html(page, "</h3><dl>");
    page_row(page, "what", NULL, suspect->sentence);
    if (numbers && *numbers)
        page_row(page, "number", NULL, numbers);
    page_row(page, "why", NULL, suspect_grounds(page->arena, suspect));
    put_suspects(page, chapter);
    if (*chapter->since)
        page_row(page, "since", NULL, chapter->since);
    if (*chapter->others)
        page_row(page, "else", NULL, chapter->others);
    page_row(page, "cause", chapter_cause(chapter) ? "fix" : "nodes",
             chapter_verdict(page->arena, page->report, chapter));
    if (chapter->explained && chapter->explanation.note)
        page_row(page, "how", "dim", chapter->explanation.note);
    if (by_pairs && *by_pairs)
        page_row(page, "pairs", NULL, by_pairs);
    page_html(page, "</dl></section>\n");
}

/* A cause that was considered and is not the one. */
static void put_other(const struct page *page, const struct cause *cause)
{
    const struct difference *difference = &page->report->differences[cause->difference];

    page_html(page, "<li>");
    page_text(page, difference->title);
    page_html(page, " <span class=\"dim\">on ");
    page_text(page, report_nodes(page->arena, page->report->fleet, difference->nodes.nodes,
                                 difference->nodes.count));
    buf_printf(page->out, ": %u of %u slow and %u of %u fast, p = %.2g</span></li>\n",
               cause->slow_with, cause->slow_all, cause->fast_with, cause->fast_all, cause->p);
}

void html_causes(const struct page *page, const struct explanation *explanation)
{
    uint32_t named = explanation->explaining < CAUSES_MAX ? explanation->explaining : CAUSES_MAX;
    bool any = false;

    for (uint32_t i = 0; i < named; i++)
        html_difference(page, &page->report->differences[explanation->causes[i].difference],
                        &explanation->causes[i]);
    for (uint32_t i = 0; i < explanation->likely_count; i++)
        html_difference(page, &page->report->differences[explanation->likely[i]->difference],
                        explanation->likely[i]);
    for (uint32_t i = named; i < explanation->cause_count && i < named + CAUSES_MAX; i++) {
        if (explained_is_likely(explanation, &explanation->causes[i]))
            continue;
        if (!any)
            page_html(page, explained_cause(explanation)
                                ? "<h3>What else was considered</h3><ul>"
                                : "<h3>The closest, none of them beyond chance</h3><ul>");
        any = true;
        put_other(page, &explanation->causes[i]);
    }
    if (any)
        page_html(page, "</ul>");
    if (explanation->confounder_count)
        page_html(page, "<h3>Confounders: these fit as well and may be the real cause</h3><ul>");
    for (uint32_t i = 0; i < explanation->confounder_count; i++)
        put_other(page, &explanation->confounders[i]);
    if (explanation->confounder_count)
        page_html(page, "</ul>");
}

int html_story(const struct page *page)
{
    const struct story *story = page->report->story;

    page_html(page, "<p class=\"dim\">");
    page_text(page, fabric_origin(page->arena, story->fabric->result));
    page_html(page, "<br>");
    page_text(page, story->matched);
    page_html(page, "</p>\n<h2>What is slow, and why</h2>");
    for (uint32_t i = 0; i < story->chapter_count; i++) {
        put_head(page, &story->chapters[i], i + 1);
        if (story->chapters[i].explained)
            html_causes(page, &story->chapters[i].explanation);
    }
    return fabric_maps(page, story->fabric);
}
