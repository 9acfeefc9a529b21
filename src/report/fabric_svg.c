#include "report/fabric_svg.h"

#include "report/fabric.h"

#include <math.h>

#define MAP_PIXELS    430
#define CELL_MIN      6
#define CELL_MAX      26
#define LETTER_PIXELS 6 /* of a label, 10 pixels high */
#define LABEL_LETTERS 24
#define LABEL_PIXELS  10 /* high */
#define LABEL_EVERY   8  /* where not every row has room for its name */

struct map {
    const struct page *page;
    const struct fabric_result *result;
    const struct heat *heat;
    uint32_t cell, left, top; /* pixels */
};

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static uint32_t label_pixels(const struct map *map)
{
    size_t longest = 0;

    for (uint32_t i = 0; i < map->heat->side; i++) {
        const char *label = heat_label(map->page->arena, map->heat, map->result, i);

        if (label && strlen(label) > longest)
            longest = strlen(label);
    }
    return (uint32_t)(longest > LABEL_LETTERS ? LABEL_LETTERS : longest) * LETTER_PIXELS + 8;
}

/* Has the row a name that would be written over by this one's? */
static bool is_crowded(const struct map *map, uint32_t cell, bool receiving)
{
    for (uint32_t near = cell ? cell - 1 : 0; near <= cell + 1 && near < map->heat->side; near++)
        if (heat_slow(map->heat, near, receiving, NULL, 0))
            return true;
    return false;
}

static void put_label(const struct map *map, uint32_t cell, bool receiving)
{
    const struct page *page = map->page;
    const char *label = heat_label(page->arena, map->heat, map->result, cell);
    bool slow = heat_slow(map->heat, cell, receiving, NULL, 0) > 0;
    uint32_t middle = cell * map->cell + map->cell / 2;

    if (!label || (map->cell < LABEL_PIXELS && !slow &&
                   (cell % LABEL_EVERY || is_crowded(map, cell, receiving))))
        return;
    if (strlen(label) > LABEL_LETTERS)
        label = arena_printf(page->arena, "%.*s...", LABEL_LETTERS - 3, label);
    if (receiving)
        buf_printf(page->out, "<text%s transform=\"translate(%u %u) rotate(-90)\">",
                   slow ? " class=\"slow\"" : "", map->left + middle + 4, map->top - 4);
    else
        buf_printf(page->out, "<text%s text-anchor=\"end\" x=\"%u\" y=\"%u\">",
                   slow ? " class=\"slow\"" : "", map->left - 4, map->top + middle + 4);
    page_text(page, label);
    page_html(page, "</text>");
}

static void put_cell(const struct map *map, uint32_t row, uint32_t column)
{
    const struct page *page = map->page;
    const struct heat *heat = map->heat;
    const struct heat_cell *cell = &heat->cells[(size_t)row * heat->side + column];
    char value[METRIC_VALUE_BYTES];
    double share = (double)cell->worst, shown;
    bool self = row == column && heat->fold == 1;

    if (!cell->measures && !self)
        return;
    buf_puts(page->out, "<rect class=\"");
    if (self)
        page_html(page, "me");
    else
        buf_printf(page->out, "w%d", heat_step(share));
    buf_printf(page->out, "\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\">",
               map->left + column * map->cell, map->top + row * map->cell, map->cell - 1,
               map->cell - 1);
    if (!self) {
        shown = heat->metric->lower_is_better ? heat->typical / share : heat->typical * share;
        page_html(page, "<title>");
        page_text(page, map->result->nodes.items[cell->from].name);
        page_html(page, " to ");
        page_text(page, map->result->nodes.items[cell->to].name);
        buf_printf(page->out, ": %s, %.0f %%", metric_value(heat->metric->unit, shown, value),
                   share * 100);
        if (cell->measures > 1)
            buf_printf(page->out, ", the slowest of %u", cell->measures);
        page_html(page, "</title>");
    }
    page_html(page, "</rect>\n");
}

static void put_legend(const struct map *map)
{
    const struct page *page = map->page;
    char typical[METRIC_VALUE_BYTES];

    page_html(page, "<svg width=\"450\" height=\"34\" viewBox=\"0 0 450 34\">");
    for (int step = 0; step <= 9; step++)
        buf_printf(page->out, "<rect class=\"w%d\" x=\"%d\" y=\"2\" width=\"22\" height=\"12\"/>",
                   step, step * 23);
    page_html(page, "<text x=\"0\" y=\"28\">0 %</text>");
    buf_printf(page->out,
               "<text x=\"200\" y=\"28\">%.0f %% and more of the typical %s</text></svg>",
               HEAT_WELL * 100, metric_value(map->heat->metric->unit, map->heat->typical, typical));
}

void svg_heat(const struct page *page, const struct fabric_result *result, const struct heat *heat)
{
    struct map map = {.page = page, .result = result, .heat = heat};
    uint32_t width, height;
    char size[FABRIC_SIZE_BYTES];

    map.cell = clamp(MAP_PIXELS / heat->side, CELL_MIN, CELL_MAX);
    map.left = map.top = label_pixels(&map);
    width = map.left + heat->side * map.cell + 2;
    height = map.top + heat->side * map.cell + 2;
    buf_printf(page->out, "<div><h3>%s, %s, %s</h3>", heat->metric->name,
               fabric_size(heat->bytes, size),
               heat->phase == PHASE_TOGETHER ? "all pairs at once" : "few pairs at once");
    buf_printf(page->out, "<svg width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\">", width, height,
               width, height);
    for (uint32_t i = 0; i < heat->side; i++) {
        put_label(&map, i, false);
        put_label(&map, i, true);
    }
    page_html(page, "\n");
    for (uint32_t row = 0; row < heat->side; row++)
        for (uint32_t column = 0; column < heat->side; column++)
            put_cell(&map, row, column);
    page_html(page, "</svg>");
    put_legend(&map);
    page_html(page, "</div>\n");
}
