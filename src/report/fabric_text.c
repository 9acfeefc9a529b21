#include "report/fabric.h"

#include "base/hostlist.h"
#include "report/fabric_map.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What fits a tired person's screen; --verbose prints everything. */
#define SUSPECTS_SHOWN 10
#define CHANGES_SHOWN  10
#define TROUBLES_SHOWN 8
#define LEVELS_SHOWN   20
#define TABLE_COLUMNS  70 /* that a table of numbers takes */

static int pen_line(const struct pen *pen, enum colour colour, const char *text)
{
    if (!text)
        return -ENOMEM;
    if (pen->style->columns < TABLE_COLUMNS) {
        pen_text(pen, colour, text);
        return 0;
    }
    pen_put(pen, colour, pen_clean(pen, text)); /* who searches it finds it on one line */
    buf_puts(pen->out, "\n");
    return 0;
}

static void more(const struct pen *pen, size_t count, const char *what)
{
    buf_printf(pen->out, "   %s... and %zu more %s%s (--verbose%s)%s\n", pen_colour(pen, DIM),
               count, what, count == 1 ? "" : "s",
               pen->style->columns < TABLE_COLUMNS ? "" : " shows all", pen_colour(pen, PLAIN));
}

static size_t shown_of(const struct pen *pen, size_t count, size_t limit)
{
    return pen->style->verbose || count < limit ? count : limit;
}

/* ---- suspects ---- */

static int put_suspect(const struct pen *pen, const struct fabric_report *report,
                       const struct suspect *suspect, uint32_t number)
{
    const char *title = suspect_title(pen->arena, report->result, suspect);
    const char *numbers = suspect_numbers(pen->arena, suspect);
    const char *grounds = suspect_grounds(pen->arena, suspect);
    const char *advice = suspect_advice(pen->arena, report->result, suspect);
    char label[16];

    if (!title || !numbers || !grounds || !advice)
        return -ENOMEM;
    (void)snprintf(label, sizeof(label), "%2u", number);
    pen_title(pen, label, suspect_kind_names[suspect->kind],
              suspect->confidence >= 0.9 ? RED : YELLOW, title,
              suspect->metric ? suspect->metric->name : NULL);
    pen_block(pen, "what", PLAIN, suspect->sentence);
    if (*numbers)
        pen_block(pen, "number", PLAIN, numbers);
    pen_block(pen, "why", PLAIN, grounds);
    if (*advice)
        pen_block(pen, "next", GREEN, advice);
    return 0;
}

static int put_suspects(const struct pen *pen, const struct fabric_report *report)
{
    const struct findings_of_fabric *findings = report->findings;
    size_t all = fabric_suspects_shown(report), limit = shown_of(pen, all, SUSPECTS_SHOWN);
    uint32_t number = 0;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < findings->suspect_count && number < limit; i++)
        if (fabric_shows(report, &findings->suspects[i]))
            r = put_suspect(pen, report, &findings->suspects[i], ++number);
    if (all > limit)
        more(pen, all - limit, "suspect");
    return r;
}

/* ---- what changed ---- */

static int put_change(const struct pen *pen, const struct fabric_report *report,
                      const struct change *change)
{
    char before[METRIC_VALUE_BYTES], after[METRIC_VALUE_BYTES];
    enum unit unit = change->metric->unit;
    const char *who = change_who(pen->arena, report->result, change);
    const char *text;

    if (!who)
        return -ENOMEM;
    (void)metric_value(unit, change->before, before);
    (void)metric_value(unit, change->after, after);
    text = arena_printf(pen->arena, "%s: %s from %s to %s, %.0f %% %s", who, change->metric->name,
                        before, after, fabs(1 - change->ratio) * 100,
                        change->ratio < 1 ? "slower" : "faster");
    if (!text)
        return -ENOMEM;
    pen_block(pen, change->ratio < 1 ? "slower" : "faster", change->ratio < 1 ? RED : GREEN, text);
    return 0;
}

static int put_changes(const struct pen *pen, const struct fabric_report *report)
{
    const struct changes *changes = report->changes;
    size_t all = fabric_changes_shown(report).telling, told = 0, limit;
    int r;

    if (!changes)
        return 0;
    buf_puts(pen->out, "\n");
    r = pen_line(pen, BOLD, changes_headline(pen->arena, report));
    limit = shown_of(pen, all, CHANGES_SHOWN);
    for (uint32_t i = 0; r == 0 && i < changes->telling && told < limit; i++)
        if (!report->metric || changes->items[i].metric == report->metric) {
            r = put_change(pen, report, &changes->items[i]);
            told++;
        }
    if (all > limit)
        more(pen, all - limit, "change");
    return r;
}

/* ---- numbers ---- */

static const char *value_of(const struct metric *metric, double value, char out[METRIC_VALUE_BYTES])
{
    return metric_value(metric->unit, value, out);
}

/* What stands in a row of the table, where there is no room for one. */
static int put_number(const struct pen *pen, const struct fabric_report *report,
                      const struct metric_row *row)
{
    char typical[METRIC_VALUE_BYTES], worst[METRIC_VALUE_BYTES];
    const char *text =
        arena_printf(pen->arena, "%s of %u node%s, the worst %s (%s)",
                     value_of(row->metric, row->typical, typical), row->nodes,
                     row->nodes == 1 ? "" : "s", value_of(row->metric, row->worst, worst),
                     report->result->nodes.items[row->worst_node].name);

    if (!text)
        return -ENOMEM;
    buf_printf(pen->out, "%s\n", row->metric->name);
    pen_block(pen, "typical", PLAIN, text);
    return 0;
}

static int put_numbers_below(const struct pen *pen, const struct fabric_report *report,
                             const struct metric_row *rows, int count)
{
    int r = 0;

    if (count > 0)
        buf_printf(pen->out, "\n%snumbers of nodes%s\n", pen_colour(pen, BOLD),
                   pen_colour(pen, PLAIN));
    for (int i = 0; i < count && r == 0; i++)
        r = put_number(pen, report, &rows[i]);
    return r;
}

static int put_numbers(const struct pen *pen, const struct fabric_report *report)
{
    struct metric_row *rows = arena_alloc(pen->arena, (metric_count + 1) * sizeof(*rows));
    char typical[METRIC_VALUE_BYTES], worst[METRIC_VALUE_BYTES];
    int count = rows ? fabric_metric_rows(pen->arena, report, rows) : -ENOMEM;

    if (pen->style->columns < TABLE_COLUMNS)
        return count < 0 ? count : put_numbers_below(pen, report, rows, count);
    if (count > 0)
        buf_printf(pen->out, "\n%s%-20s %14s %14s   %-5s  %s%s\n", pen_colour(pen, BOLD),
                   "numbers of nodes", "typical", "worst", "nodes", "worst is",
                   pen_colour(pen, PLAIN));
    for (int i = 0; i < count; i++)
        buf_printf(pen->out, "%-20s %14s %14s   %-5u  %s\n", rows[i].metric->name,
                   value_of(rows[i].metric, rows[i].typical, typical),
                   value_of(rows[i].metric, rows[i].worst, worst), rows[i].nodes,
                   pen_clean(pen, report->result->nodes.items[rows[i].worst_node].name));
    return count < 0 ? count : 0;
}

/* Of one metric: its nodes, the worst first, as the model lists them. */
static void put_levels(const struct pen *pen, const struct fabric_report *report)
{
    const struct findings_of_fabric *findings = report->findings;
    char value[METRIC_VALUE_BYTES], low[METRIC_VALUE_BYTES], high[METRIC_VALUE_BYTES];
    bool wide = pen->style->columns >= TABLE_COLUMNS;
    size_t all = 0, told = 0, limit;

    for (uint32_t i = 0; report->metric && i < findings->level_count; i++)
        all += findings->levels[i].metric == report->metric && isfinite(findings->levels[i].value);
    if (!all)
        return;
    limit = shown_of(pen, all, LEVELS_SHOWN);
    buf_printf(pen->out, "\n%s%-20s %14s%s%s\n", pen_colour(pen, BOLD), "node",
               report->metric->name, wide ? "   between" : "", pen_colour(pen, PLAIN));
    for (uint32_t i = 0; i < findings->level_count && told < limit; i++) {
        const struct node_level *level = &findings->levels[i];

        if (level->metric != report->metric || !isfinite(level->value))
            continue;
        buf_printf(pen->out, "%-20s %14s",
                   pen_clean(pen, report->result->nodes.items[level->node].name),
                   value_of(level->metric, level->value, value));
        if (wide)
            buf_printf(pen->out, "   %s and %s", value_of(level->metric, level->low, low),
                       value_of(level->metric, level->high, high));
        buf_puts(pen->out, "\n");
        told++;
    }
    if (all > limit)
        more(pen, all - limit, "node");
}

/* ---- what went wrong ---- */

/* Is it what trouble `first` is, at another node? */
static bool repeats(const struct fabric_trouble *first, const struct fabric_trouble *trouble)
{
    return trouble->kind == first->kind && trouble->peer == MEASURE_NOBODY &&
           first->peer == MEASURE_NOBODY && strcmp(trouble->words, first->words) == 0;
}

static bool is_told(const struct fabric_result *result, size_t i)
{
    const struct fabric_trouble *troubles = result->troubles.items;

    for (size_t k = 0; k < i && troubles[i].peer == MEASURE_NOBODY; k++)
        if (repeats(&troubles[k], &troubles[i]))
            return true;
    return false;
}

/* "n[1-4]: words", for all nodes that have this trouble. `names`: room for as many as there are
 * troubles. NULL: no memory. */
static const char *trouble_text(const struct pen *pen, const struct fabric_result *result, size_t i,
                                const char **names)
{
    const struct fabric_trouble *trouble = &result->troubles.items[i];
    const char *peer =
        trouble->peer < result->nodes.count ? result->nodes.items[trouble->peer].name : NULL;
    const char *hosts;
    size_t count = 1;

    names[0] = result->nodes.items[trouble->node].name;
    for (size_t k = i + 1; k < result->troubles.count; k++)
        if (repeats(trouble, &result->troubles.items[k]))
            names[count++] = result->nodes.items[result->troubles.items[k].node].name;
    hosts = hostlist_fold(pen->arena, names, count);
    return hosts ? arena_printf(pen->arena, "%s%s%s: %s", hosts, peer ? " with " : "",
                                peer ? peer : "", trouble->words)
                 : NULL;
}

static int put_troubles(const struct pen *pen, const struct fabric_report *report)
{
    const struct fabric_result *result = report->result;
    const char **names;
    size_t count = 0, limit;

    if (!result->troubles.count || report->metric)
        return 0;
    names = arena_alloc(pen->arena, result->troubles.count * sizeof(*names));
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < result->troubles.count; i++)
        count += !is_told(result, i);
    limit = shown_of(pen, count, TROUBLES_SHOWN);
    buf_puts(pen->out, "\n");
    (void)pen_line(pen, BOLD, "What went wrong while measuring");
    for (size_t i = 0, shown = 0; i < result->troubles.count && shown < limit; i++) {
        const char *text;

        if (is_told(result, i))
            continue;
        text = trouble_text(pen, result, i, names);
        if (!text)
            return -ENOMEM;
        pen_block(pen, trouble_names[result->troubles.items[i].kind], YELLOW, text);
        shown++;
    }
    if (count > limit)
        more(pen, count - limit, "trouble");
    return 0;
}

static int put_head(const struct pen *pen, const struct fabric_report *report)
{
    const char *transports = fabric_transports(pen->arena, report->result);
    enum colour colour = fabric_suspects_shown(report) ? RED : GREEN;
    int r = pen_line(pen, colour, fabric_headline(pen->arena, report));

    if (r == 0)
        r = pen_line(pen, DIM, fabric_origin(pen->arena, report->result));
    if (r == 0 && !transports)
        r = -ENOMEM;
    if (r == 0 && *transports)
        r = pen_line(pen, DIM, arena_printf(pen->arena, "over %s", transports));
    return r;
}

int fabric_report_text(const struct fabric_report *report, const struct report_style *style,
                       struct buf *out)
{
    struct pen pen = {.style = style, .arena = arena_new(0), .out = out};
    int r = pen.arena ? put_head(&pen, report) : -ENOMEM;

    if (r == 0)
        r = put_suspects(&pen, report);
    if (r == 0)
        r = put_changes(&pen, report);
    if (r == 0)
        r = put_numbers(&pen, report);
    if (r == 0) {
        put_levels(&pen, report);
        r = fabric_map_text(&pen, report);
    }
    if (r == 0)
        r = put_troubles(&pen, report);
    arena_free(pen.arena);
    return out->failed ? -ENOMEM : r;
}
