/* progress/known_lines - steps and losses in lines of the training programs that are known.
 *
 * Not one expression for each program: a line has a step when a word for it ("iteration", "step",
 * ...) is followed by a number, and a loss likewise; both together are believed, and few forms
 * with one of them alone. */
#ifndef PROGRESS_KNOWN_LINES_H
#define PROGRESS_KNOWN_LINES_H

#include "progress/pattern.h"

/* Can there be anything in this raw line? Costs a few ns a line; most end here. */
bool known_line_possible(struct str line);

/* `line` is clean: no colours, no CR, lower case. False: nothing here, *out is as it was. */
bool known_line_find(struct str line, struct pattern_found *out);

#endif
