#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What fits a tired person's screen; --verbose prints everything. */
#define PROOFS_SHOWN      4
#define FIELDS_SHOWN      6
#define DIFFERENCES_SHOWN 10
#define CAUSES_SHOWN      5
#define VALUES_SHOWN      4
#define UNKNOWNS_SHOWN    12

enum colour { PLAIN, BOLD, DIM, RED, YELLOW, GREEN, CYAN };

struct pen {
    const struct report *report;
    const struct report_style *style;
    struct arena *arena;
    struct buf *out;
};

static const char *colour_code(const struct pen *pen, enum colour colour)
{
    static const char *const codes[] = {
        [PLAIN] = "\033[0m",   [BOLD] = "\033[1m",   [DIM] = "\033[2m",   [RED] = "\033[1;31m",
        [YELLOW] = "\033[33m", [GREEN] = "\033[32m", [CYAN] = "\033[36m",
    };

    return pen->style->colour ? codes[colour] : "";
}

static enum colour severity_colour(enum severity severity)
{
    static const enum colour colours[] = {[SEVERITY_INFO] = DIM,
                                          [SEVERITY_RELIABILITY] = YELLOW,
                                          [SEVERITY_LATENCY] = YELLOW,
                                          [SEVERITY_BANDWIDTH] = YELLOW,
                                          [SEVERITY_FATAL] = RED};

    return colours[severity];
}

static void put(const struct pen *pen, enum colour colour, const char *text)
{
    buf_printf(pen->out, "%s%s%s", colour_code(pen, colour), text, colour_code(pen, PLAIN));
}

/* Text from a node must not move the cursor of whoever reads about it. */
static const char *printable(const struct pen *pen, const char *text)
{
    char *copy = text ? arena_copy(pen->arena, text, strlen(text)) : NULL;

    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    return copy ? copy : "";
}

/* "   label  text", wrapped, with later lines under the text. */
static void put_block(const struct pen *pen, const char *label, enum colour colour,
                      const char *text)
{
    size_t indent = 3 + 7 + 1, width = (size_t)pen->style->columns;
    struct str rest = str_trim(str_of(printable(pen, text)));
    bool first = true;

    width = width > indent + 30 ? width - indent : 30;
    do {
        size_t take = rest.len;

        if (take > width) {
            take = width;
            while (take > 1 && rest.p[take] != ' ')
                take--;
            if (take <= 1) /* one long word: a path, a command */
                for (take = width; take < rest.len && rest.p[take] != ' '; take++)
                    ;
        }
        buf_printf(pen->out, "   %s%-7s%s ", colour_code(pen, DIM), first ? label : "",
                   colour_code(pen, PLAIN));
        buf_printf(pen->out, "%s%.*s%s\n", colour_code(pen, colour), (int)take, rest.p,
                   colour_code(pen, PLAIN));
        rest = str_trim(str_skip(rest, take));
        first = false;
    } while (rest.len);
}

static const char *nodes_of(const struct pen *pen, const uint32_t *nodes, uint32_t count)
{
    const char *text = report_nodes(pen->arena, pen->report->fleet, nodes, count);

    return text ? text : "";
}

/* "n[001-003], 3 of 512" */
static const char *nodes_share(const struct pen *pen, const uint32_t *nodes, uint32_t count)
{
    uint32_t all = (uint32_t)fleet_node_count(pen->report->fleet);
    const char *text = nodes_of(pen, nodes, count);
    const char *full;

    if (all == 1 || (count == all && count > 1))
        return text;
    full = arena_printf(pen->arena, "%s (%u of %u)", text, count, all);
    return full ? full : text;
}

static void put_proof(const struct pen *pen, const char *label, const struct proof *proof)
{
    const char *where = proof->where ? proof->where : "", *text = proof->text ? proof->text : "";
    char place[32];

    (void)snprintf(place, sizeof(place), proof->binary ? "+0x%x" : ":%u", proof->line);
    buf_printf(pen->out, "   %s%-7s%s %s%s%s%s\n", colour_code(pen, DIM), label,
               colour_code(pen, PLAIN), colour_code(pen, CYAN), printable(pen, proof->source),
               proof->line || proof->binary ? place : "", colour_code(pen, PLAIN));
    if (*where || *text)
        buf_printf(pen->out, "           %s%s%s\n", *where ? printable(pen, where) : "",
                   *where && *text ? ": " : "", printable(pen, text));
}

static void put_proofs(const struct pen *pen, const struct proof *proofs, uint32_t count,
                       uint32_t places)
{
    uint32_t shown = 0, repeated = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (report_proof_repeats(proofs, i)) {
            repeated++;
        } else if (pen->style->verbose || shown < PROOFS_SHOWN) {
            put_proof(pen, shown ? "" : "lines", &proofs[i]);
            shown++;
        }
    }
    if (places > shown + repeated)
        buf_printf(pen->out, "           %s... and %u more%s\n", colour_code(pen, DIM),
                   places - shown - repeated, colour_code(pen, PLAIN));
}

static void put_harm_and_fix(const struct pen *pen, const struct rule *rule)
{
    const char *harm = rule->source && *rule->source
                           ? arena_printf(pen->arena, "%s [%s]", rule->harm, rule->source)
                           : rule->harm;

    if (harm)
        put_block(pen, "harm", PLAIN, harm);
    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++) {
        const char *fix =
            arena_printf(pen->arena, "%s: %s", rule->fixes[i].where, rule->fixes[i].what);

        if (fix)
            put_block(pen, i ? "" : "fix", i ? PLAIN : GREEN, fix);
    }
    if (rule->basis == BASIS_KNOWN)
        put_block(pen, "note", DIM,
                  "unconfirmed: this rule rests on general engineering knowledge; no published "
                  "measurement or real dump has confirmed it here");
}

static void put_title(const struct pen *pen, const char *number, const char *word,
                      enum colour colour, const char *title, const char *id)
{
    buf_printf(pen->out, "\n%s%s%s %s%s%s  %s%s%s", colour_code(pen, BOLD), number,
               colour_code(pen, PLAIN), colour_code(pen, colour), word, colour_code(pen, PLAIN),
               colour_code(pen, BOLD), printable(pen, title), colour_code(pen, PLAIN));
    if (id)
        buf_printf(pen->out, "  %s%s%s", colour_code(pen, DIM), id, colour_code(pen, PLAIN));
    buf_puts(pen->out, "\n");
}

static void put_group(const struct pen *pen, const struct grouped *group, uint32_t number)
{
    const struct difference *told = report_told_by(pen->report, group);
    char label[16];

    (void)snprintf(label, sizeof(label), "%2u", number);
    put_title(pen, label, severity_name(group->rule->severity),
              severity_colour(group->rule->severity), group->rule->title, group->rule->id);
    if (told && !pen->style->verbose) {
        put_block(pen, "nodes", PLAIN, nodes_share(pen, group->nodes, group->node_count));
        put_block(pen, "see", PLAIN, arena_printf(pen->arena, "difference %u above", told->rank));
        return;
    }
    if (fleet_node_count(pen->report->fleet) > 1)
        put_block(pen, "nodes", BOLD, nodes_share(pen, group->nodes, group->node_count));
    if (group->first->detail)
        put_block(pen, "what", PLAIN, group->first->detail);
    put_proofs(pen, group->first->proofs, group->first->proof_count, group->first->place_count);
    put_harm_and_fix(pen, group->rule);
}

static void put_note(const struct pen *pen, const struct grouped *group)
{
    const char *detail = group->first->detail ? group->first->detail : "";
    const char *text;

    if (fleet_node_count(pen->report->fleet) > 1)
        text = arena_printf(pen->arena, "%s%s%s  [%s]  %s", group->rule->title, *detail ? ": " : "",
                            detail, group->rule->id,
                            nodes_share(pen, group->nodes, group->node_count));
    else
        text = arena_printf(pen->arena, "%s%s%s  [%s]", group->rule->title, *detail ? ": " : "",
                            detail, group->rule->id);
    if (text)
        put_block(pen, "-", PLAIN, text);
}

/* What every node (or some) shows by itself, judged by the rules. */
static int put_findings(const struct pen *pen, const char *heading)
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
        put(pen, BOLD, heading);
        buf_puts(pen->out, "\n");
    }
    for (long i = 0; i < count; i++)
        if (groups[i].rule->severity > SEVERITY_INFO)
            put_group(pen, &groups[i], ++number);
    if (notes) {
        buf_puts(pen->out, "\n");
        put(pen, BOLD, "For information (no fault)");
        buf_puts(pen->out, "\n");
        for (long i = 0; i < count; i++)
            if (groups[i].rule->severity == SEVERITY_INFO)
                put_note(pen, &groups[i]);
    }
    return 0;
}

static int put_unknowns(const struct pen *pen)
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
    put(pen, BOLD, "Unknown: not seen, so not judged");
    buf_puts(pen->out, "\n");
    for (long i = 0; i < shown; i++) {
        const char *text =
            many ? arena_printf(pen->arena, "%s: %s  (%s)", groups[i].what, groups[i].why,
                                nodes_share(pen, groups[i].nodes, groups[i].node_count))
                 : arena_printf(pen->arena, "%s: %s", groups[i].what, groups[i].why);

        if (text)
            put_block(pen, "-", PLAIN, text);
    }
    if (count > shown)
        buf_printf(pen->out, "           %s... and %ld more (--verbose shows all)%s\n",
                   colour_code(pen, DIM), count - shown, colour_code(pen, PLAIN));
    return 0;
}

static void put_troubles(const struct pen *pen)
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
    put(pen, RED, "Could not be read");
    buf_puts(pen->out, "\n");
    for (size_t i = 0; i < pen->report->trouble_count && shown < 20; i++, shown++)
        put_block(pen, "-", PLAIN,
                  arena_printf(pen->arena, "%s: %s", pen->report->troubles[i].path,
                               pen->report->troubles[i].text));
    for (size_t i = 0; i < fleet_node_count(fleet) && shown < 20; i++)
        if (fleet_node(fleet, i)->error) {
            put_block(pen, "-", PLAIN, fleet_node(fleet, i)->error);
            shown++;
        }
    if (total > shown)
        buf_printf(pen->out, "           ... and %zu more\n", total - shown);
}

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
    put(pen, real || failed ? RED : GREEN, summary ? summary : "");
    buf_printf(pen->out, "  %s(policy %s)%s\n", colour_code(pen, DIM),
               policy_name(pen->report->policy), colour_code(pen, PLAIN));
    return put_findings(pen, NULL);
}

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
        put_block(pen, label, PLAIN, line.p);
    buf_done(&line);
}

static void put_difference(const struct pen *pen, const struct difference *difference,
                           const char *number)
{
    const struct rule *cause = difference->cause;
    uint32_t count = 0, shown;
    const struct folded_field *folded = report_fold_fields(pen->arena, difference, &count);
    struct buf also = {0};

    if (!folded)
        count = 0;
    shown = pen->style->verbose || count < FIELDS_SHOWN ? count : FIELDS_SHOWN;

    put_title(pen, number, cause ? severity_name(cause->severity) : "unnamed",
              cause ? severity_colour(cause->severity) : DIM, difference->title,
              cause ? cause->id : NULL);
    put_block(pen, "nodes", BOLD,
              nodes_share(pen, difference->nodes.nodes, difference->nodes.count));
    if (difference->changed_facts > 1 || (cause && cause->bios)) {
        const char *what =
            arena_printf(pen->arena, "%u fact%s moved together%s", difference->changed_facts,
                         difference->changed_facts == 1 ? "" : "s",
                         cause && cause->bios ? "; a BIOS option does this" : "");

        if (what)
            put_block(pen, "what", PLAIN, what);
    }
    for (uint32_t i = 0; i < shown; i++)
        put_field(pen, &folded[i], i ? "" : "fields");
    if (count > shown)
        buf_printf(pen->out, "           %s... and %u more kinds of field%s\n",
                   colour_code(pen, DIM), count - shown, colour_code(pen, PLAIN));
    for (size_t i = 0; i < ARRAY_LEN(difference->also) && difference->also[i]; i++)
        if (difference->also[i]->severity > SEVERITY_INFO)
            buf_printf(&also, "%s%s (%s, %s)", also.len ? "; " : "", difference->also[i]->title,
                       severity_name(difference->also[i]->severity), difference->also[i]->id);
    if (also.len && !also.failed)
        put_block(pen, "also", PLAIN, also.p);
    buf_done(&also);
    put_proofs(pen, difference->proofs, difference->proof_count, difference->proof_count);
    if (cause)
        put_harm_and_fix(pen, cause);
}

static void put_cohorts(const struct pen *pen)
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
                   cohorts == 1 ? "" : "", printable(pen, cohort->name), "");
        if (cohorts > 1)
            buf_printf(pen->out, " (%u)", cohort->node_count);
    }
    if (cohorts > 6)
        buf_printf(pen->out, " and %zu more groups", cohorts - 6);
    buf_printf(pen->out, "  %s(policy %s)%s\n", colour_code(pen, DIM),
               policy_name(pen->report->policy), colour_code(pen, PLAIN));
}

static void put_differences(const struct pen *pen, size_t limit)
{
    const struct report *report = pen->report;
    size_t shown =
        pen->style->verbose || report->difference_count < limit ? report->difference_count : limit;
    char number[16];

    for (size_t i = 0; i < shown; i++) {
        (void)snprintf(number, sizeof(number), "%2u", report->differences[i].rank);
        put_difference(pen, &report->differences[i], number);
    }
    if (report->difference_count > shown)
        buf_printf(pen->out, "\n   %s... and %zu more differences (--verbose shows all)%s\n",
                   colour_code(pen, DIM), report->difference_count - shown,
                   colour_code(pen, PLAIN));
}

static int put_compare(const struct pen *pen)
{
    size_t count = pen->report->difference_count;

    if (!count)
        put(pen, GREEN, "No differences between nodes that should be alike.");
    else
        put(pen, BOLD,
            arena_printf(pen->arena, "%zu difference%s between nodes that should be alike.", count,
                         count == 1 ? "" : "s"));
    buf_puts(pen->out, "  ");
    put_cohorts(pen);
    put_differences(pen, DIFFERENCES_SHOWN);
    return put_findings(pen, "By the rules (also what all nodes share)");
}

static void put_cause(const struct pen *pen, const struct cause *cause, uint32_t number)
{
    const struct difference *difference = &pen->report->differences[cause->difference];
    char label[16];
    const char *test;

    (void)snprintf(label, sizeof(label), "%2u", number);
    put_difference(pen, difference, label);
    test = arena_printf(
        pen->arena,
        "p = %.2g after correction (%.2g before): %u of %u slow and %u of %u fast "
        "%s carry it",
        cause->p_corrected, cause->p, cause->slow_with, cause->slow_all, cause->fast_with,
        cause->fast_all,
        strstr(pen->report->explanation->note ? pen->report->explanation->note : "", "pair")
            ? "pairs"
            : "nodes");
    if (test)
        put_block(pen, "test", PLAIN, test);
    if (cause->effect != 0)
        put_block(pen, "effect", PLAIN,
                  arena_printf(pen->arena, "median with it %+.4g against without", cause->effect));
    if (cause->counter_examples.count)
        put_block(pen, "but", YELLOW,
                  arena_printf(
                      pen->arena, "fast in spite of it: %s",
                      nodes_of(pen, cause->counter_examples.nodes, cause->counter_examples.count)));
}

static int put_explain(const struct pen *pen)
{
    const struct explanation *explanation = pen->report->explanation;
    uint32_t shown = explanation->explaining ? explanation->explaining : 0;

    if (!shown) {
        put(pen, YELLOW, "Nothing visible explains it.");
        buf_puts(pen->out, "  ");
    } else {
        const struct cause *best = &explanation->causes[0];
        const struct difference *difference = &pen->report->differences[best->difference];
        const char *title = report_sentence(pen->arena, difference->title);
        const char *text =
            arena_printf(pen->arena, "%s: on %s.", title ? title : "",
                         nodes_of(pen, difference->nodes.nodes, difference->nodes.count));

        put(pen, RED, text ? printable(pen, text) : "");
        buf_puts(pen->out, "\n");
    }
    put_cohorts(pen);
    if (explanation->note)
        put_block(pen, "how", DIM, explanation->note);
    if (explanation->slow.count)
        put_block(pen, "slow", PLAIN,
                  nodes_share(pen, explanation->slow.nodes, explanation->slow.count));
    if (!shown && explanation->cause_count) {
        buf_puts(pen->out, "\n");
        put(pen, BOLD, "The closest, none of them beyond chance");
        buf_puts(pen->out, "\n");
        shown = explanation->cause_count < 3 ? explanation->cause_count : 3;
    } else if (!pen->style->verbose && shown > CAUSES_SHOWN) {
        shown = CAUSES_SHOWN;
    }
    for (uint32_t i = 0; i < shown; i++)
        put_cause(pen, &explanation->causes[i], i + 1);
    if (explanation->confounder_count) {
        buf_puts(pen->out, "\n");
        put(pen, BOLD, "Confounders: these fit as well and may be the real cause");
        buf_puts(pen->out, "\n");
        for (uint32_t i = 0; i < explanation->confounder_count; i++) {
            const struct cause *cause = &explanation->confounders[i];
            const struct difference *difference = &pen->report->differences[cause->difference];

            put_block(pen, "-", PLAIN,
                      arena_printf(pen->arena, "%s on %s, p = %.2g", difference->title,
                                   nodes_of(pen, difference->nodes.nodes, difference->nodes.count),
                                   cause->p_corrected));
        }
    }
    return pen->style->verbose ? put_findings(pen, "By the rules (also what all nodes share)") : 0;
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
        r = put_explain(&pen);
        break;
    }
    if (r == 0)
        r = put_unknowns(&pen);
    put_troubles(&pen);
    arena_free(pen.arena);
    return out->failed ? -ENOMEM : r;
}
