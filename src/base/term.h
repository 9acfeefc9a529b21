/* base/term - may this stream carry colours, and how wide is it? */
#ifndef BASE_TERM_H
#define BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* True on a terminal, unless NO_COLOR is set and not empty or TERM is "dumb"
 * (https://no-color.org). */
bool term_has_colour(FILE *stream);

/* Columns of the terminal; 100 when the stream is none. Never below 40. */
int term_columns(FILE *stream);

/* Write text that came from somewhere else, as it is; but on a terminal a control character that is
 * neither newline nor tab becomes '?', so that no escape sequence is obeyed. */
void term_write(FILE *stream, const char *text, size_t len);

#endif
