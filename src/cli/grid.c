#include "cli/grid.h"

#include "base/arena.h"

#include <stdlib.h>

#define HELD_BYTES_MAX ((size_t)64 << 20)

struct grid {
    struct grid_style style;
    struct arena *arena; /* of what is held */
    size_t columns, rows, held;
    const char **names;
    const char **cells; /* held rows, one after the other */
    size_t *widths;
    bool *words; /* a value that is no number was there */
    bool flowing;
};

static size_t width_of(const char *text)
{
    size_t columns = 0;

    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

bool grid_is_number(const char *text)
{
    const char *p = text + (*text == '-');
    size_t digits = strspn(p, "0123456789");

    if (!digits || (*p == '0' && digits > 1))
        return false;
    p += digits;
    if (*p == '.') {
        digits = strspn(++p, "0123456789");
        if (!digits)
            return false;
        p += digits;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        digits = strspn(p, "0123456789");
        if (!digits)
            return false;
        p += digits;
    }
    return *p == '\0';
}

static void grid_free(struct grid *grid)
{
    arena_free(grid->arena);
    free(grid);
}

struct grid *grid_new(const struct grid_style *style, const char *const *names, size_t count)
{
    struct grid *grid = calloc(1, sizeof(*grid));

    if (!grid)
        return NULL;
    grid->style = *style;
    grid->columns = count;
    grid->arena = arena_new(HELD_BYTES_MAX);
    if (grid->arena) {
        grid->names = arena_alloc(grid->arena, (count + 1) * sizeof(*grid->names));
        grid->cells = arena_alloc(grid->arena, (count * GRID_HELD_ROWS + 1) * sizeof(*grid->cells));
        grid->widths = arena_alloc(grid->arena, (count + 1) * sizeof(*grid->widths));
        grid->words = arena_alloc(grid->arena, count + 1);
    }
    if (!grid->arena || !grid->names || !grid->cells || !grid->widths || !grid->words) {
        grid_free(grid);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        grid->names[i] = arena_copy(grid->arena, names[i], strlen(names[i]));
        grid->names[i] = grid->names[i] ? grid->names[i] : "";
        grid->widths[i] = width_of(grid->names[i]);
    }
    return grid;
}

/* One line a row, and nothing that moves the cursor; at most `room` columns. */
static void clean(const char *text, size_t room, struct buf *out)
{
    size_t used = 0;

    for (size_t bytes = 0; *text && bytes < GRID_CELL_MAX; text++, bytes++) {
        unsigned char c = (unsigned char)*text;

        if ((c & 0xc0) != 0x80 && used++ == room)
            return;
        buf_add(out, c < 0x20 || c == 0x7f ? " " : text, 1);
    }
}

/* The last cell of a line that has `used` columns, over as many lines as it takes. */
static void put_wrapped(const char *text, size_t used, size_t total, struct buf *line)
{
    struct buf words = {0};

    clean(text, SIZE_MAX, &words);
    buf_wrap(line, words.p ? words.p : "", used, used, total);
    if (!line->failed)
        line->p[--line->len] = '\0'; /* the line's end comes with every row */
    buf_done(&words);
}

static void put_row(struct grid *grid, const char *const *texts, bool heading)
{
    const struct grid_style *style = &grid->style;
    size_t used = strlen(style->indent), total = (size_t)style->columns;
    struct buf line = {0};

    buf_puts(&line, style->indent);
    if (heading && style->colour)
        buf_puts(&line, "\033[1m");
    for (size_t i = 0; i < grid->columns; i++) {
        const char *text = texts[i] ? texts[i] : style->null;
        size_t width = width_of(text), pad = 0, room = SIZE_MAX;

        if (width < grid->widths[i])
            pad = grid->widths[i] - width;
        if (i + 1 == grid->columns) {
            if (total)
                room = used < total ? total - used : 0;
            if (grid->words[i] || width + pad > room)
                pad = 0;
        }
        if (!grid->words[i])
            buf_printf(&line, "%*s", (int)pad, "");
        if (style->wrap && room != SIZE_MAX && room >= GRID_WRAP_MIN && width > room)
            put_wrapped(text, used, total, &line);
        else
            clean(text, room, &line);
        if (grid->words[i] && i + 1 < grid->columns)
            buf_printf(&line, "%*s", (int)pad, "");
        if (i + 1 < grid->columns)
            buf_puts(&line, "  ");
        used += width + pad + 2;
    }
    while (line.len && line.p[line.len - 1] == ' ') /* a row that is cut ends in nothing */
        line.p[--line.len] = '\0';
    if (heading && style->colour)
        buf_puts(&line, "\033[0m");
    if (!line.failed)
        (void)fprintf(style->out, "%s\n", line.p ? line.p : "");
    buf_done(&line);
}

static void let_flow(struct grid *grid)
{
    grid->flowing = true;
    for (size_t i = 0; i < grid->columns; i++)
        if (!grid->held)
            grid->words[i] = true;
    put_row(grid, grid->names, true);
    for (size_t row = 0; row < grid->held; row++)
        put_row(grid, grid->cells + row * grid->columns, false);
}

static bool hold(struct grid *grid, const char *const *texts)
{
    const char **cells = grid->cells + grid->held * grid->columns;

    if (grid->held == GRID_HELD_ROWS)
        return false;
    for (size_t i = 0; i < grid->columns; i++) {
        size_t width = width_of(texts[i] ? texts[i] : grid->style.null);

        cells[i] =
            texts[i] ? arena_copy(grid->arena, texts[i], strnlen(texts[i], GRID_CELL_MAX)) : NULL;
        if (texts[i] && !cells[i])
            return false;
        width = width < GRID_CELL_MAX ? width : GRID_CELL_MAX;
        if (width > grid->widths[i])
            grid->widths[i] = width;
        if (texts[i] && !grid_is_number(texts[i]))
            grid->words[i] = true;
    }
    grid->held++;
    return true;
}

void grid_add(struct grid *grid, const char *const *texts)
{
    grid->rows++;
    if (!grid->flowing && hold(grid, texts))
        return;
    if (!grid->flowing)
        let_flow(grid);
    put_row(grid, texts, false);
}

size_t grid_end(struct grid *grid)
{
    size_t rows = grid->rows;

    if (!grid->flowing)
        let_flow(grid);
    grid_free(grid);
    return rows;
}
