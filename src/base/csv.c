#include "base/csv.h"

#include <errno.h>

struct csv csv_begin(struct str text)
{
    static const char separators[] = {',', ';', '\t'};
    struct csv csv = {.rest = text, .separator = ' '};
    struct str rest = text, line;

    if (str_starts(csv.rest, "\xef\xbb\xbf")) /* a byte order mark, as spreadsheets write */
        csv.rest = str_skip(csv.rest, 3);
    while (str_line(&rest, &line)) {
        line = str_trim(line);
        if (!line.len || line.p[0] == '#')
            continue;
        for (size_t i = 0; i < ARRAY_LEN(separators); i++)
            if (memchr(line.p, separators[i], line.len)) {
                csv.separator = separators[i];
                return csv;
            }
        return csv;
    }
    return csv;
}

/* Cut a quoted cell off *line, which begins with the quote. */
static int quoted(struct str *line, struct str *cell)
{
    size_t end = 1;

    for (;; end++) {
        if (end >= line->len)
            return -EINVAL;
        if (line->p[end] != '"')
            continue;
        if (end + 1 < line->len && line->p[end + 1] == '"')
            end++;
        else
            break;
    }
    *cell = (struct str){line->p + 1, end - 1};
    *line = str_skip(*line, end + 1);
    return 0;
}

static int cells_of(const struct csv *csv, struct str line, struct str cells[CSV_CELLS_MAX],
                    struct err *err)
{
    int count = 0;

    for (;;) {
        struct str rest = str_trim(line), tail;

        if (count == CSV_CELLS_MAX)
            return err_set(err, -EINVAL, "line %u: more than %d cells", csv->line, CSV_CELLS_MAX);
        if (rest.len && rest.p[0] == '"') {
            if (quoted(&rest, &cells[count]) < 0)
                return err_set(err, -EINVAL, "line %u: a quote that does not end", csv->line);
            (void)str_cut(&rest, csv->separator, &tail);
            count++;
            if (!rest.len)
                return count;
            line = rest;
            continue;
        }
        if (csv->separator == ' ') {
            if (!str_word(&line, &cells[count]))
                return count;
            count++;
            continue;
        }
        tail = line;
        (void)str_cut(&tail, csv->separator, &cells[count]);
        if (!line.len)
            cells[count] = line;
        cells[count] = str_trim(cells[count]);
        count++;
        if (!tail.len)
            return count;
        line = tail;
    }
}

int csv_row(struct csv *csv, struct str cells[CSV_CELLS_MAX], struct err *err)
{
    struct str line;

    while (str_line(&csv->rest, &line)) {
        csv->line++;
        line = str_trim(line);
        if (line.len && line.p[0] != '#')
            return cells_of(csv, line, cells, err);
    }
    return 0;
}
