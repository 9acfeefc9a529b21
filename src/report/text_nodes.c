/* How many nodes there are, of which kinds, and on how many of them something was found. */
#include "report/text.h"

#include <errno.h>

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

/* "n147", "512 nodes" */
static const char *who_was_judged(const struct pen *pen, size_t nodes)
{
    return nodes == 1 ? fleet_node(pen->report->fleet, 0)->name
                      : arena_printf(pen->arena, "%zu nodes", nodes);
}

static bool is_anything_unseen(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet_node_count(fleet); i++)
        if (fleet_node(fleet, i)->unknown_count)
            return true;
    return false;
}

/* What was not seen was not found well. */
static const char *found_in_all(const struct pen *pen, long kinds, size_t nodes, size_t bad)
{
    if (!kinds)
        return is_anything_unseen(pen->report->fleet) ? "no findings in what was seen"
                                                      : "no findings";
    if (nodes == 1)
        return arena_printf(pen->arena, "%ld finding%s", kinds, kinds == 1 ? "" : "s");
    return arena_printf(pen->arena, "%ld kind%s of finding on %zu of them", kinds,
                        kinds == 1 ? "" : "s", bad);
}

int text_nodes(const struct pen *pen)
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
    if (failed == nodes)
        summary = nodes == 1 ? arena_printf(pen->arena, "%s: could not be read",
                                            fleet_node(fleet, 0)->name)
                             : "No node could be read.";
    else
        summary =
            arena_printf(pen->arena, "%s: %s%s%s", who_was_judged(pen, nodes),
                         found_in_all(pen, real, nodes, bad), failed ? "; " : "",
                         failed ? arena_printf(pen->arena, "%zu could not be read", failed) : "");
    pen_put(pen, real || failed || !nodes ? RED : GREEN, summary ? summary : "");
    buf_printf(pen->out, "  %s(policy %s)%s\n", pen_colour(pen, DIM),
               policy_name(pen->report->policy), pen_colour(pen, PLAIN));
    return 0;
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
