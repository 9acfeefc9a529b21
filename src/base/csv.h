/* base/csv - rows of a small table, as people export them.
 *
 * Cells are separated by commas, semicolons or tabs (whichever the first row has; blanks when it
 * has none of them), may be in double quotes, and are trimmed. Empty lines and lines that begin
 * with '#' are skipped. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/err.h"
#include "base/str.h"

#define CSV_CELLS_MAX 64

struct csv {
    struct str rest;
    char separator;
    unsigned line; /* of the row that csv_row gave last, from 1 */
};

struct csv csv_begin(struct str text);

/* The next row's cells; quotes are left out, a doubled quote inside stays doubled. Returns how
 * many, 0 at the end, -EINVAL (more than CSV_CELLS_MAX cells, or a quote that does not end). */
int csv_row(struct csv *csv, struct str cells[CSV_CELLS_MAX], struct err *err);

#endif
