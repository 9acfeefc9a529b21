/* cli/table - rows with aligned columns.
 *
 * The first rows are held back to learn how wide their columns are; later ones follow in these
 * widths. Columns whose values are all numbers are aligned to the right. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 2000
#define TABLE_HELD_ROWS   1000
#define TABLE_CELL_MAX    4096 /* bytes of a cell; longer is cut */

struct table;

struct table_style {
    FILE *out;
    int columns; /* the last column is cut to fit; 0: nothing is cut */
    bool colour;
    const char *indent;
    const char *null; /* for a NULL */
};

/* `names` are copied. NULL: no memory. */
struct table *table_new(const struct table_style *style, const char *const *names, size_t count);
void table_add(struct table *table, const char *const *texts);
/* Prints what is held, the heading too; returns how many rows there were. */
size_t table_end(struct table *table);

/* Is it what JSON takes as a number? */
bool table_is_number(const char *text);

#endif
