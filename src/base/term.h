/* base/term - may this stream carry colours, and how wide is it? */
#ifndef BASE_TERM_H
#define BASE_TERM_H

#include <stdbool.h>
#include <stdio.h>

/* True on a terminal, unless NO_COLOR is set and not empty or TERM is "dumb"
 * (https://no-color.org). */
bool term_has_colour(FILE *stream);

/* Columns of the terminal; 100 when the stream is none. Never below 40. */
int term_columns(FILE *stream);

#endif
