#include "trainer/line.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#define GAP 2

void line_add(struct line *line, int rank, const char *format, ...)
{
    va_list args;

    assert(line->count < LINE_FIELDS_MAX);
    va_start(args, format);
    (void)vsnprintf(line->fields[line->count].text, LINE_FIELD_MAX, format, args);
    va_end(args);
    line->fields[line->count++].rank = rank;
}

/* The most important field that is not taken yet; line->count: there is none. */
static size_t next_field(const struct line *line, const bool *taken)
{
    size_t best = line->count;

    for (size_t i = 0; i < line->count; i++)
        if (!taken[i] && (best == line->count || line->fields[i].rank < line->fields[best].rank))
            best = i;
    return best;
}

void line_print(const struct line *line, size_t columns, struct buf *out)
{
    bool taken[LINE_FIELDS_MAX] = {false};
    size_t length = 0, written = 0;

    for (;;) {
        size_t i = next_field(line, taken), more;

        if (i == line->count)
            break;
        more = strlen(line->fields[i].text) + (length ? GAP : 0);
        if (columns && length + more > columns)
            break;
        taken[i] = true;
        length += more;
    }
    for (size_t i = 0; i < line->count; i++)
        if (taken[i])
            buf_printf(out, "%*s%s", written++ ? GAP : 0, "", line->fields[i].text);
}
