#include "report/fabric_map.h"

#include "report/heat.h"

#include <errno.h>

#define CELLS_SHOWN  48 /* along a map; --verbose shows more */
#define CELLS_MAX    400
#define CELLS_SPACED 24 /* up to so many have a space between them: squares, nearly */
#define CELLS_LEAST  10
#define LABEL_MAX    28
#define MARK_COLUMNS 12 /* behind a row */

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

/* Columns that a label may take. */
static size_t label_most(const struct pen *pen)
{
    return pen->style->columns < 3 * LABEL_MAX ? (size_t)pen->style->columns / 3 : LABEL_MAX;
}

static int put_rows(const struct pen *pen, const struct fabric_report *report,
                    const struct heat *heat)
{
    size_t indent = 0, most = label_most(pen), wide;
    const char *gap;

    for (uint32_t row = 0; row < heat->side; row++) {
        const char *label = heat_label(pen->arena, heat, report->result, row);

        if (!label)
            return -ENOMEM;
        indent = strlen(label) > indent ? strlen(label) : indent;
    }
    indent = indent > most ? most : indent;
    wide = indent + 1 + 2 * (size_t)heat->side + MARK_COLUMNS;
    gap = heat->side <= CELLS_SPACED && wide <= (size_t)pen->style->columns ? " " : "";
    for (uint32_t row = 0; row < heat->side; row++) {
        const char *label = pen_clean(pen, heat_label(pen->arena, heat, report->result, row));
        uint32_t slow[2], count = heat_slow(heat, row, false, slow, ARRAY_LEN(slow));

        buf_printf(pen->out, "%*.*s ", (int)indent, (int)indent, label);
        put_cells(pen, heat, row, gap);
        if (count) {
            buf_printf(pen->out, "%s%s< ", *gap ? "" : " ", pen_colour(pen, RED));
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
    const char *title =
        arena_printf(pen->arena, "%s, %s, %s: rows send, columns receive", heat->metric->name,
                     fabric_size(heat->bytes, size),
                     heat->phase == PHASE_TOGETHER ? "all pairs at once" : "few pairs at once");
    const char *legend =
        arena_printf(pen->arena, ". at least %.0f %% of the typical %s; 0 to 8: tenths of it%s",
                     HEAT_WELL * 100, metric_value(heat->metric->unit, heat->typical, typical),
                     heat->fold > 1 ? "; of several the slowest" : "");

    if (!title || !legend)
        return -ENOMEM;
    buf_puts(pen->out, "\n");
    pen_text(pen, BOLD, title);
    pen_text(pen, DIM, legend);
    return put_rows(pen, report, heat);
}

int fabric_map_text(const struct pen *pen, const struct fabric_report *report)
{
    const struct metric *metric = fabric_map_metric(report);
    int space = pen->style->columns - (int)label_most(pen) - MARK_COLUMNS, best = -1;
    uint32_t side = space < CELLS_LEAST ? CELLS_LEAST : (uint32_t)space;
    struct heat heats[PAIR_PHASES] = {0};
    int r = 0;

    if (!metric->of_pair)
        return 0;
    if (side > (pen->style->verbose ? CELLS_MAX : CELLS_SHOWN))
        side = pen->style->verbose ? CELLS_MAX : CELLS_SHOWN;
    for (int phase = 0; r >= 0 && phase < PAIR_PHASES; phase++) {
        r = heat_make(pen->arena, report->result, report->findings, metric, (enum phase)phase, side,
                      &heats[phase]);
        if (r > 0 && (best < 0 || heats[phase].measures >= heats[best].measures))
            best = phase;
    }
    for (int phase = 0; r >= 0 && phase < PAIR_PHASES; phase++)
        if (heats[phase].measures && (pen->style->verbose || phase == best))
            r = put_heat(pen, report, &heats[phase]);
    return r < 0 ? r : 0;
}
