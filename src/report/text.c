#include "report/text.h"

#include <errno.h>
#include <stdio.h>

#define DIFFERENCES_SHOWN 10

static void count_findings(const struct fleet *fleet, size_t *nodes, size_t *bad, size_t *failed)
{
    *nodes = fleet_node_count(fleet);
    *bad = *failed = 0;
    for (size_t i = 0; i < *nodes; i++) {
        const struct fleet_node *node = fleet_node(fleet, i);
        bool any = false;

        for (uint32_t k = 0; k < node->finding_count; k++)
            any = any || node->findings[k].rule->severity > SEVERITY_INFO;
        *bad += any;
        *failed += node->error != NULL;
    }
}

static int put_inspect(const struct pen *pen)
{
    const struct fleet *fleet = pen->report->fleet;
    const struct grouped *groups;
    long count = report_group(pen->arena, fleet, &groups), real = 0;
    size_t nodes, bad, failed;
    const char *summary;

    if (count < 0)
        return -ENOMEM;
    for (long i = 0; i < count; i++)
        real += groups[i].rule->severity > SEVERITY_INFO;
    count_findings(fleet, &nodes, &bad, &failed);
    if (nodes == 1)
        summary = real ? arena_printf(pen->arena, "%s: %ld finding%s", fleet_node(fleet, 0)->name,
                                      real, real == 1 ? "" : "s")
                       : arena_printf(pen->arena, "%s: no findings", fleet_node(fleet, 0)->name);
    else
        summary = real ? arena_printf(pen->arena, "%zu nodes: %ld kind%s of finding on %zu of them",
                                      nodes, real, real == 1 ? "" : "s", bad)
                       : arena_printf(pen->arena, "%zu nodes: no findings", nodes);
    if (failed)
        summary =
            nodes == 1
                ? arena_printf(pen->arena, "%s: could not be read", fleet_node(fleet, 0)->name)
                : arena_printf(pen->arena, "%s; %zu could not be read", summary, failed);
    pen_put(pen, real || failed ? RED : GREEN, summary ? summary : "");
    buf_printf(pen->out, "  %s(policy %s)%s\n", pen_colour(pen, DIM),
               policy_name(pen->report->policy), pen_colour(pen, PLAIN));
    return text_findings(pen, NULL);
}

void text_cohorts(const struct pen *pen)
{
    const struct fleet *fleet = pen->report->fleet;
    size_t nodes, bad, failed, cohorts = fleet_cohort_count(fleet);

    count_findings(fleet, &nodes, &bad, &failed);
    buf_printf(pen->out, "%zu nodes", nodes);
    if (failed)
        buf_printf(pen->out, " (%zu could not be read)", failed);
    for (size_t i = 0; i < cohorts && i < 6; i++) {
        const struct fleet_cohort *cohort = fleet_cohort(fleet, i);

        buf_printf(pen->out, "%s %s%s%s",
                   i              ? ","
                   : cohorts == 1 ? ", all"
                                  : " in groups:",
                   cohorts == 1 ? "" : "", pen_clean(pen, cohort->name), "");
        if (cohorts > 1)
            buf_printf(pen->out, " (%u)", cohort->node_count);
    }
    if (cohorts > 6)
        buf_printf(pen->out, " and %zu more groups", cohorts - 6);
    buf_printf(pen->out, "  %s(policy %s)%s\n", pen_colour(pen, DIM),
               policy_name(pen->report->policy), pen_colour(pen, PLAIN));
}

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

int report_text(const struct report *report, const struct report_style *style, struct buf *out)
{
    struct pen pen = {
        .report = report, .style = style, .arena = arena_new((size_t)1 << 30), .out = out};
    int r = -ENOMEM;

    if (!pen.arena)
        return r;
    switch (report->kind) {
    case REPORT_INSPECT:
        r = put_inspect(&pen);
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
