#include "report/text.h"

#include <stdio.h>

#define FIELDS_SHOWN 6
#define VALUES_SHOWN 4

/* At most so many bytes of role names: "rb[0-13]/00.0,..." can be long. */
#define ROLES_BYTES_SHOWN 60

static void put_field(const struct pen *pen, const struct folded_field *folded, const char *label)
{
    const struct diff_field *field = folded->field;
    struct buf line = {0};
    uint32_t shown = field->value_count < VALUES_SHOWN ? field->value_count : VALUES_SHOWN;

    if (strlen(folded->roles) > ROLES_BYTES_SHOWN)
        buf_printf(&line, "%s and %u more: %s:", field->role, folded->count - 1, field->path);
    else
        buf_printf(&line, "%s %s:", folded->roles, field->path);
    /* The odd ones out first, then what the others have. */
    for (uint32_t i = 1; i < shown; i++)
        buf_printf(&line, "%s %s on %u", i > 1 ? "," : "", field->values[i].text,
                   field->values[i].nodes.count);
    if (field->value_count > shown)
        buf_printf(&line, ", %u other values", field->value_count - shown);
    buf_printf(&line, "; %s on %u", field->values[0].text, field->values[0].nodes.count);
    if (!line.failed)
        pen_block(pen, label, PLAIN, line.p);
    buf_done(&line);
}

void text_difference(const struct pen *pen, const struct difference *difference, const char *number)
{
    const struct rule *cause = difference->cause;
    uint32_t count = 0, shown;
    const struct folded_field *folded = report_fold_fields(pen->arena, difference, &count);
    struct buf also = {0};

    if (!folded)
        count = 0;
    shown = pen->style->verbose || count < FIELDS_SHOWN ? count : FIELDS_SHOWN;

    pen_title(pen, number, cause ? severity_name(cause->severity) : "unnamed",
              cause ? pen_severity(cause->severity) : DIM, difference->title,
              cause ? cause->id : NULL);
    pen_block(pen, "nodes", BOLD,
              pen_nodes_share(pen, difference->nodes.nodes, difference->nodes.count));
    if (difference->changed_facts > 1)
        pen_block(pen, "what", PLAIN,
                  arena_printf(pen->arena, "%u facts moved together%s", difference->changed_facts,
                               cause && cause->bios ? "; a BIOS option does this" : ""));
    else if (cause && cause->bios)
        pen_block(pen, "what", PLAIN, "a BIOS option does this");
    for (uint32_t i = 0; i < shown; i++)
        put_field(pen, &folded[i], i ? "" : "fields");
    if (count > shown)
        buf_printf(pen->out, "           %s... and %u more kinds of field%s\n",
                   pen_colour(pen, DIM), count - shown, pen_colour(pen, PLAIN));
    for (size_t i = 0; i < ARRAY_LEN(difference->also) && difference->also[i]; i++)
        if (difference->also[i]->severity > SEVERITY_INFO)
            buf_printf(&also, "%s%s (%s, %s)", also.len ? "; " : "", difference->also[i]->title,
                       severity_name(difference->also[i]->severity), difference->also[i]->id);
    if (also.len && !also.failed)
        pen_block(pen, "also", PLAIN, also.p);
    buf_done(&also);
    pen_proofs(pen, difference->proofs, difference->proof_count, difference->proof_count);
    if (cause)
        pen_harm_and_fix(pen, cause);
}
