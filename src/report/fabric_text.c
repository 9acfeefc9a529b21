#include "report/fabric.h"

#include "base/hostlist.h"
#include "report/heat.h"
#include "report/pen.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What fits a tired person's screen; --verbose prints everything. */
#define SUSPECTS_SHOWN 10
#define CHANGES_SHOWN  10
#define TROUBLES_SHOWN 8
#define LEVELS_SHOWN   20
#define CELLS_SHOWN    48 /* along a heat map */
#define CELLS_MAX      400
#define CELLS_SPACED   24 /* up to so many have a space between them: squares, nearly */
#define LABEL_MAX      28

static int pen_line(const struct pen *pen, enum colour colour, const char *text)
{
    if (!text)
        return -ENOMEM;
    pen_put(pen, colour, pen_clean(pen, text));
    buf_puts(pen->out, "\n");
    return 0;
}

static void more(const struct pen *pen, size_t count, const char *what)
{
    buf_printf(pen->out, "   %s... and %zu more %s%s (--verbose shows all)%s\n",
               pen_colour(pen, DIM), count, what, count == 1 ? "" : "s", pen_colour(pen, PLAIN));
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
    size_t all = 0, told = 0, limit;
    int r;

    if (!changes)
        return 0;
    buf_puts(pen->out, "\n");
    r = pen_line(pen, BOLD, changes_headline(pen->arena, report));
    for (uint32_t i = 0; i < changes->telling; i++)
        all += !report->metric || changes->items[i].metric == report->metric;
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

static int put_numbers(const struct pen *pen, const struct fabric_report *report)
{
    struct metric_row *rows = arena_alloc(pen->arena, (metric_count + 1) * sizeof(*rows));
    char typical[METRIC_VALUE_BYTES], worst[METRIC_VALUE_BYTES];
    int count = rows ? fabric_metric_rows(pen->arena, report, rows) : -ENOMEM;

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
    size_t all = 0, told = 0, limit;

    for (uint32_t i = 0; report->metric && i < findings->level_count; i++)
        all += findings->levels[i].metric == report->metric && isfinite(findings->levels[i].value);
    if (!all)
        return;
    limit = shown_of(pen, all, LEVELS_SHOWN);
    buf_printf(pen->out, "\n%s%-20s %14s   %s%s\n", pen_colour(pen, BOLD), "node",
               report->metric->name, "between", pen_colour(pen, PLAIN));
    for (uint32_t i = 0; i < findings->level_count && told < limit; i++) {
        const struct node_level *level = &findings->levels[i];

        if (level->metric != report->metric || !isfinite(level->value))
            continue;
        buf_printf(pen->out, "%-20s %14s   %s and %s\n",
                   pen_clean(pen, report->result->nodes.items[level->node].name),
                   value_of(level->metric, level->value, value),
                   value_of(level->metric, level->low, low),
                   value_of(level->metric, level->high, high));
        told++;
    }
    if (all > limit)
        more(pen, all - limit, "node");
}

/* ---- the heat map ---- */

static enum colour step_colour(int step)
{
    return step == 9 ? DIM : step >= 7 ? YELLOW : RED;
}

static void put_cells(const struct pen *pen, const struct heat *heat, uint32_t row, const char *gap)
{
    enum colour now = PLAIN;

    for (uint32_t column = 0; column < heat->side; column++) {
        const struct heat_cell *cell = &heat->cells[(size_t)row * heat->side + column];
        int step = cell->measures ? heat_step((double)cell->worst) : 0;
        char c = cell->measures                     ? (char)(step == 9 ? '.' : '0' + step)
                 : row == column && heat->fold == 1 ? '\\'
                                                    : ' ';
        enum colour colour = cell->measures ? step_colour(step) : DIM;

        if (colour != now && pen->style->colour) /* a change costs five bytes: only where it is */
            buf_printf(pen->out, "%s%s", pen_colour(pen, PLAIN), pen_colour(pen, colour));
        now = colour;
        buf_printf(pen->out, "%c%s", c, gap);
    }
    if (now != PLAIN)
        buf_puts(pen->out, pen_colour(pen, PLAIN));
}

/* "n001, n002 and 3 more", from `count` slow ones of which some are in `nodes`. */
static void put_names(const struct pen *pen, const struct fabric_report *report,
                      const uint32_t *nodes, uint32_t count, uint32_t max)
{
    for (uint32_t i = 0; i < count && i < max; i++)
        buf_printf(pen->out, "%s%s", i ? ", " : "",
                   pen_clean(pen, report->result->nodes.items[nodes[i]].name));
    if (count > max)
        buf_printf(pen->out, " and %u more", count - max);
}

/* Which columns are slow, and whose they are. */
static void put_columns(const struct pen *pen, const struct fabric_report *report,
                        const struct heat *heat, size_t indent, const char *gap)
{
    uint32_t nodes[4], all = 0, kept = 0;

    for (uint32_t column = 0; column < heat->side; column++) {
        uint32_t found[ARRAY_LEN(nodes)];
        uint32_t slow = heat_slow(heat, column, true, found, ARRAY_LEN(nodes));

        for (uint32_t i = 0; i < slow && i < ARRAY_LEN(nodes) && kept < ARRAY_LEN(nodes); i++)
            nodes[kept++] = found[i];
        all += slow;
    }
    if (!all)
        return;
    buf_printf(pen->out, "%*s", (int)indent, "");
    for (uint32_t column = 0; column < heat->side; column++)
        buf_printf(pen->out, "%c%s", heat_slow(heat, column, true, NULL, 0) ? '^' : ' ', gap);
    buf_printf(pen->out, "\n%*s%sreceive slowly: ", (int)indent, "", pen_colour(pen, RED));
    put_names(pen, report, nodes, all, ARRAY_LEN(nodes));
    buf_printf(pen->out, "%s\n", pen_colour(pen, PLAIN));
}

static int put_rows(const struct pen *pen, const struct fabric_report *report,
                    const struct heat *heat)
{
    const char *gap = heat->side <= CELLS_SPACED ? " " : "";
    size_t indent = 0;

    for (uint32_t row = 0; row < heat->side; row++) {
        const char *label = heat_label(pen->arena, heat, report->result, row);

        if (!label)
            return -ENOMEM;
        indent = strlen(label) > indent ? strlen(label) : indent;
    }
    indent = indent > LABEL_MAX ? LABEL_MAX : indent;
    for (uint32_t row = 0; row < heat->side; row++) {
        const char *label = pen_clean(pen, heat_label(pen->arena, heat, report->result, row));
        uint32_t slow[2], count = heat_slow(heat, row, false, slow, ARRAY_LEN(slow));

        buf_printf(pen->out, "%*.*s ", (int)indent, (int)indent, label);
        put_cells(pen, heat, row, gap);
        if (count) {
            buf_printf(pen->out, "%s< ", pen_colour(pen, RED));
            put_names(pen, report, slow, count, ARRAY_LEN(slow));
            buf_puts(pen->out, pen_colour(pen, PLAIN));
        }
        buf_puts(pen->out, "\n");
    }
    put_columns(pen, report, heat, indent + 1, gap);
    return 0;
}

static int put_heat(const struct pen *pen, const struct fabric_report *report,
                    const struct heat *heat)
{
    char typical[METRIC_VALUE_BYTES], size[FABRIC_SIZE_BYTES];
    const char *text =
        arena_printf(pen->arena, "%s, %s, %s: rows send, columns receive", heat->metric->name,
                     fabric_size(heat->bytes, size),
                     heat->phase == PHASE_TOGETHER ? "all pairs at once" : "few pairs at once");

    if (!text)
        return -ENOMEM;
    buf_puts(pen->out, "\n");
    (void)pen_line(pen, BOLD, text);
    buf_printf(pen->out, "%s. at least %.0f %% of the typical %s; 0 to 8: tenths of it%s%s\n",
               pen_colour(pen, DIM), HEAT_WELL * 100,
               metric_value(heat->metric->unit, heat->typical, typical),
               heat->fold > 1 ? "; of several the slowest" : "", pen_colour(pen, PLAIN));
    return put_rows(pen, report, heat);
}

/* One phase, that of which there is most; all with --verbose. */
static int put_heats(const struct pen *pen, const struct fabric_report *report)
{
    const struct metric *metric = fabric_map_metric(report);
    int space = pen->style->columns - LABEL_MAX - 12, best = -1;
    uint32_t side = space < 20 ? 20 : (uint32_t)space;
    struct heat heats[PAIR_PHASES] = {0};
    int r = 0;

    if (!metric->of_pair)
        return 0;
    if (side > (pen->style->verbose ? CELLS_MAX : CELLS_SHOWN))
        side = pen->style->verbose ? CELLS_MAX : CELLS_SHOWN;
    for (int phase = 0; r >= 0 && phase < PAIR_PHASES; phase++) {
        r = heat_make(pen->arena, report->result, metric, (enum phase)phase, side, &heats[phase]);
        if (r > 0 && (best < 0 || heats[phase].measures >= heats[best].measures))
            best = phase;
    }
    for (int phase = 0; r >= 0 && phase < PAIR_PHASES; phase++)
        if (heats[phase].measures && (pen->style->verbose || phase == best))
            r = put_heat(pen, report, &heats[phase]);
    return r < 0 ? r : 0;
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
        r = put_heats(&pen, report);
    }
    if (r == 0)
        r = put_troubles(&pen, report);
    arena_free(pen.arena);
    return out->failed ? -ENOMEM : r;
}
