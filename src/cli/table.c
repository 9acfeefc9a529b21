#include "cli/table.h"

#include "base/arena.h"

#include <stdlib.h>

#define HELD_BYTES_MAX ((size_t)64 << 20)

struct table {
    struct table_style style;
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

bool table_is_number(const char *text)
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

static void table_free(struct table *table)
{
    arena_free(table->arena);
    free(table);
}

struct table *table_new(const struct table_style *style, const char *const *names, size_t count)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->style = *style;
    table->columns = count;
    table->arena = arena_new(HELD_BYTES_MAX);
    if (table->arena) {
        table->names = arena_alloc(table->arena, (count + 1) * sizeof(*table->names));
        table->cells =
            arena_alloc(table->arena, (count * TABLE_HELD_ROWS + 1) * sizeof(*table->cells));
        table->widths = arena_alloc(table->arena, (count + 1) * sizeof(*table->widths));
        table->words = arena_alloc(table->arena, count + 1);
    }
    if (!table->arena || !table->names || !table->cells || !table->widths || !table->words) {
        table_free(table);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        table->names[i] = arena_copy(table->arena, names[i], strlen(names[i]));
        table->names[i] = table->names[i] ? table->names[i] : "";
        table->widths[i] = width_of(table->names[i]);
    }
    return table;
}

/* One line a row, and nothing that moves the cursor; at most `room` columns. */
static void clean(const char *text, size_t room, struct buf *out)
{
    size_t used = 0;

    for (size_t bytes = 0; *text && bytes < TABLE_CELL_MAX; text++, bytes++) {
        unsigned char c = (unsigned char)*text;

        if ((c & 0xc0) != 0x80 && used++ == room)
            return;
        buf_add(out, c < 0x20 || c == 0x7f ? " " : text, 1);
    }
}

static void put_row(struct table *table, const char *const *texts, bool heading)
{
    const struct table_style *style = &table->style;
    size_t used = strlen(style->indent), total = (size_t)style->columns;
    struct buf line = {0};

    buf_puts(&line, style->indent);
    if (heading && style->colour)
        buf_puts(&line, "\033[1m");
    for (size_t i = 0; i < table->columns; i++) {
        const char *text = texts[i] ? texts[i] : style->null;
        size_t width = width_of(text), pad = 0, room = SIZE_MAX;

        if (width < table->widths[i])
            pad = table->widths[i] - width;
        if (i + 1 == table->columns) {
            pad = table->words[i] ? 0 : pad;
            if (total)
                room = used < total ? total - used : 0;
        }
        if (!table->words[i])
            buf_printf(&line, "%*s", (int)pad, "");
        clean(text, room, &line);
        if (table->words[i] && i + 1 < table->columns)
            buf_printf(&line, "%*s", (int)pad, "");
        if (i + 1 < table->columns)
            buf_puts(&line, "  ");
        used += width + pad + 2;
    }
    if (heading && style->colour)
        buf_puts(&line, "\033[0m");
    if (!line.failed)
        (void)fprintf(style->out, "%s\n", line.p ? line.p : "");
    buf_done(&line);
}

static void let_flow(struct table *table)
{
    table->flowing = true;
    for (size_t i = 0; i < table->columns; i++)
        if (!table->held)
            table->words[i] = true;
    put_row(table, table->names, true);
    for (size_t row = 0; row < table->held; row++)
        put_row(table, table->cells + row * table->columns, false);
}

static bool hold(struct table *table, const char *const *texts)
{
    const char **cells = table->cells + table->held * table->columns;

    if (table->held == TABLE_HELD_ROWS)
        return false;
    for (size_t i = 0; i < table->columns; i++) {
        size_t width = width_of(texts[i] ? texts[i] : table->style.null);

        cells[i] =
            texts[i] ? arena_copy(table->arena, texts[i], strnlen(texts[i], TABLE_CELL_MAX)) : NULL;
        if (texts[i] && !cells[i])
            return false;
        width = width < TABLE_CELL_MAX ? width : TABLE_CELL_MAX;
        if (width > table->widths[i])
            table->widths[i] = width;
        if (texts[i] && !table_is_number(texts[i]))
            table->words[i] = true;
    }
    table->held++;
    return true;
}

void table_add(struct table *table, const char *const *texts)
{
    table->rows++;
    if (!table->flowing && hold(table, texts))
        return;
    if (!table->flowing)
        let_flow(table);
    put_row(table, texts, false);
}

size_t table_end(struct table *table)
{
    size_t rows = table->rows;

    if (!table->flowing)
        let_flow(table);
    table_free(table);
    return rows;
}
