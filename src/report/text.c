#include "report/text.h"

#include <errno.h>
#include <stdio.h>

#define DIFFERENCES_SHOWN 10

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

static bool is_anything_compared(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet_cohort_count(fleet); i++)
        if (fleet_cohort(fleet, i)->node_count > 1)
            return true;
    return false;
}

static int put_compare(const struct pen *pen)
{
    size_t count = pen->report->difference_count;

    if (!count && !is_anything_compared(pen->report->fleet))
        pen_put(pen, YELLOW, "Nothing was compared: no two nodes should be alike.");
    else if (!count)
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
        r = report->story ? text_story(&pen) : text_explain(&pen);
        break;
    }
    if (r == 0)
        r = text_unknowns(&pen);
    text_troubles(&pen);
    arena_free(pen.arena);
    return out->failed ? -ENOMEM : r;
}
