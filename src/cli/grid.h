/* cli/grid - rows with aligned columns.
 *
 * The first rows are held back to learn how wide their columns are; later ones follow in these
 * widths. Columns whose values are all numbers are aligned to the right. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

#define GRID_HELD_ROWS 1000
#define GRID_WRAP_MIN  16
#define GRID_CELL_MAX  4096 /* bytes of a cell; longer is cut */

struct grid;

struct grid_style {
    FILE *out;
    int columns; /* the last column is cut to fit; 0: nothing is cut */
    bool wrap;   /* rather goes on below, by words, where it has GRID_WRAP_MIN columns */
    bool colour;
    const char *indent;
    const char *null; /* for a NULL */
};

/* `names` are copied. NULL: no memory. */
struct grid *grid_new(const struct grid_style *style, const char *const *names, size_t count);
void grid_add(struct grid *grid, const char *const *texts);
/* Prints what is held, the heading too; returns how many rows there were. */
size_t grid_end(struct grid *grid);

/* Is it what JSON takes as a number? */
bool grid_is_number(const char *text);

#endif
