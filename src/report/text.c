#include "report/text.h"

#include <errno.h>
#include <stdio.h>

#define DIFFERENCES_SHOWN 10
#define CAUSES_SHOWN      5

static void put_differences(const struct pen *pen, size_t limit)
{
    const struct report *report = pen->report;
    size_t shown =
        pen->style->verbose || report->difference_count < limit ? report->difference_count : limit;
    char number[16];

    for (size_t i = 0; i < shown; i++) {
        (void)snprintf(number, sizeof(number), "%2u", report->differences[i].rank);
        text_difference(pen, &report->differences[i], number);
    }
    if (report->difference_count > shown)
        buf_printf(pen->out, "\n   %s... and %zu more differences (--verbose shows all)%s\n",
                   pen_colour(pen, DIM), report->difference_count - shown, pen_colour(pen, PLAIN));
}

static int put_compare(const struct pen *pen)
{
    size_t count = pen->report->difference_count;

    if (!count)
        pen_put(pen, GREEN, "No differences between nodes that should be alike.");
    else
        pen_put(pen, BOLD,
                arena_printf(pen->arena, "%zu difference%s between nodes that should be alike.",
                             count, count == 1 ? "" : "s"));
    buf_puts(pen->out, "  ");
    text_cohorts(pen);
    put_differences(pen, DIFFERENCES_SHOWN);
    return text_findings(pen, "By the rules (also what all nodes share)");
}

static int put_explain(const struct pen *pen)
{
    const struct explanation *explanation = pen->report->explanation;
    uint32_t shown = explanation->explaining ? explanation->explaining : 0;

    if (!shown) {
        pen_put(pen, YELLOW, "Nothing visible explains it.");
        buf_puts(pen->out, "  ");
    } else {
        const struct cause *best = &explanation->causes[0];
        const struct difference *difference = &pen->report->differences[best->difference];
        const char *title = report_sentence(pen->arena, difference->title);
        const char *text =
            arena_printf(pen->arena, "%s: on %s.", title ? title : "",
                         pen_nodes(pen, difference->nodes.nodes, difference->nodes.count));

        pen_put(pen, RED, text ? pen_clean(pen, text) : "");
        buf_puts(pen->out, "\n");
    }
    text_cohorts(pen);
    if (explanation->note)
        pen_block(pen, "how", DIM, explanation->note);
    if (explanation->slow.count)
        pen_block(pen, "slow", PLAIN,
                  pen_nodes_share(pen, explanation->slow.nodes, explanation->slow.count));
    if (!shown && explanation->cause_count) {
        buf_puts(pen->out, "\n");
        pen_put(pen, BOLD, "The closest, none of them beyond chance");
        buf_puts(pen->out, "\n");
        shown = explanation->cause_count < 3 ? explanation->cause_count : 3;
    } else if (!pen->style->verbose && shown > CAUSES_SHOWN) {
        shown = CAUSES_SHOWN;
    }
    for (uint32_t i = 0; i < shown; i++)
        text_cause(pen, explanation, &explanation->causes[i], NULL, i + 1);
    text_confounders(pen, explanation);
    return pen->style->verbose ? text_findings(pen, "By the rules (also what all nodes share)") : 0;
}

int report_text(const struct report *report, const struct report_style *style, struct buf *out)
{
    struct pen pen = {
        .report = report, .style = style, .arena = arena_new((size_t)1 << 30), .out = out};
    int r = -ENOMEM;

    if (!pen.arena)
        return r;
    switch (report->kind) {
    case REPORT_INSPECT:
        r = text_nodes(&pen);
        if (r == 0)
            r = text_findings(&pen, NULL);
        break;
    case REPORT_COMPARE:
        r = put_compare(&pen);
        break;
    case REPORT_EXPLAIN:
        r = report->story ? text_story(&pen) : put_explain(&pen);
        break;
    }
    if (r == 0)
        r = text_unknowns(&pen);
    text_troubles(&pen);
    arena_free(pen.arena);
    return out->failed ? -ENOMEM : r;
}
