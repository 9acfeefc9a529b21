/* progress/numbers - numbers as training programs print them. */
#ifndef PROGRESS_NUMBERS_H
#define PROGRESS_NUMBERS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Each cuts what it takes off *rest, or leaves that as it was and returns false.
 *
 * "1200" or "1,200", not the beginning of "12ms", "1.5" or "50%". */
bool number_cut_count(struct str *rest, int64_t *out);

/* "2.3", "2.504220E+00", ".5", "7", "nan", "inf". */
bool number_cut_real(struct str *rest, double *out);

/* Blanks and tabs; returns how many. */
size_t number_cut_blanks(struct str *rest);

#endif
