#include "report/text.h"

#include <errno.h>
#include <stdio.h>

#define UNKNOWNS_SHOWN 12
#define TROUBLES_SHOWN 20

static void put_group(const struct pen *pen, const struct grouped *group, uint32_t number)
{
    const struct difference *told = report_told_by(pen->report, group);
    char label[16];

    (void)snprintf(label, sizeof(label), "%2u", number);
    pen_title(pen, label, severity_name(group->rule->severity), pen_severity(group->rule->severity),
              group->rule->title, group->rule->id);
    if (told && !pen->style->verbose) {
        pen_block(pen, "nodes", PLAIN, pen_nodes_share(pen, group->nodes, group->node_count));
        pen_block(pen, "see", PLAIN, arena_printf(pen->arena, "difference %u above", told->rank));
        return;
    }
    if (fleet_node_count(pen->report->fleet) > 1)
        pen_block(pen, "nodes", BOLD, pen_nodes_share(pen, group->nodes, group->node_count));
    if (group->first->detail)
        pen_block(pen, "what", PLAIN, group->first->detail);
    pen_proofs(pen, group->first->proofs, group->first->proof_count, group->first->place_count);
    pen_harm_and_fix(pen, group->rule);
}

static void put_note(const struct pen *pen, const struct grouped *group)
{
    const char *detail = group->first->detail ? group->first->detail : "";
    const char *text;

    if (fleet_node_count(pen->report->fleet) > 1)
        text = arena_printf(pen->arena, "%s%s%s  [%s]  %s", group->rule->title, *detail ? ": " : "",
                            detail, group->rule->id,
                            pen_nodes_share(pen, group->nodes, group->node_count));
    else
        text = arena_printf(pen->arena, "%s%s%s  [%s]", group->rule->title, *detail ? ": " : "",
                            detail, group->rule->id);
    if (text)
        pen_block(pen, "-", PLAIN, text);
}

/* What every node (or some) shows by itself, judged by the rules. */
int text_findings(const struct pen *pen, const char *heading)
{
    const struct grouped *groups;
    long count = report_group(pen->arena, pen->report->fleet, &groups);
    uint32_t number = 0, notes = 0;

    if (count < 0)
        return -ENOMEM;
    for (long i = 0; i < count; i++)
        notes += groups[i].rule->severity == SEVERITY_INFO;
    if (heading && count > notes) {
        buf_puts(pen->out, "\n");
        pen_put(pen, BOLD, heading);
        buf_puts(pen->out, "\n");
    }
    for (long i = 0; i < count; i++)
        if (groups[i].rule->severity > SEVERITY_INFO)
            put_group(pen, &groups[i], ++number);
    if (notes) {
        buf_puts(pen->out, "\n");
        pen_put(pen, BOLD, "For information (no fault)");
        buf_puts(pen->out, "\n");
        for (long i = 0; i < count; i++)
            if (groups[i].rule->severity == SEVERITY_INFO)
                put_note(pen, &groups[i]);
    }
    return 0;
}

int text_unknowns(const struct pen *pen)
{
    const struct grouped_unknown *groups;
    long count = report_group_unknowns(pen->arena, pen->report->fleet, &groups);
    long shown = pen->style->verbose || count < UNKNOWNS_SHOWN ? count : UNKNOWNS_SHOWN;
    bool many = fleet_node_count(pen->report->fleet) > 1;

    if (count < 0)
        return -ENOMEM;
    if (!count)
        return 0;
    buf_puts(pen->out, "\n");
    pen_put(pen, BOLD, "Unknown: not seen, so not judged");
    buf_puts(pen->out, "\n");
    for (long i = 0; i < shown; i++) {
        const char *text =
            many ? arena_printf(pen->arena, "%s: %s  (%s)", groups[i].what, groups[i].why,
                                pen_nodes_share(pen, groups[i].nodes, groups[i].node_count))
                 : arena_printf(pen->arena, "%s: %s", groups[i].what, groups[i].why);

        if (text)
            pen_block(pen, "-", PLAIN, text);
    }
    if (count > shown)
        buf_printf(pen->out, "           %s... and %ld more (--verbose shows all)%s\n",
                   pen_colour(pen, DIM), count - shown, pen_colour(pen, PLAIN));
    return 0;
}

void text_troubles(const struct pen *pen)
{
    const struct fleet *fleet = pen->report->fleet;
    bool any = pen->report->trouble_count > 0;
    size_t shown = 0, total = pen->report->trouble_count;

    for (size_t i = 0; i < fleet_node_count(fleet); i++)
        total += fleet_node(fleet, i)->error != NULL;
    any = total > 0;
    if (!any)
        return;
    buf_puts(pen->out, "\n");
    pen_put(pen, RED, "Could not be read");
    buf_puts(pen->out, "\n");
    for (size_t i = 0; i < pen->report->trouble_count && shown < TROUBLES_SHOWN; i++, shown++)
        pen_block(pen, "-", PLAIN,
                  arena_printf(pen->arena, "%s: %s", pen->report->troubles[i].path,
                               pen->report->troubles[i].text));
    for (size_t i = 0; i < fleet_node_count(fleet) && shown < TROUBLES_SHOWN; i++)
        if (fleet_node(fleet, i)->error) {
            pen_block(pen, "-", PLAIN, fleet_node(fleet, i)->error);
            shown++;
        }
    if (total > shown)
        buf_printf(pen->out, "           ... and %zu more\n", total - shown);
}
