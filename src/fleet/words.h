/* fleet/words - texts kept once: 12,500 nodes with the same finding share one proof text.
 *
 * Locks inside; texts live as long as the table. */
#ifndef FLEET_WORDS_H
#define FLEET_WORDS_H

#include "base/str.h"

struct words;

/* NULL when there is no memory. */
struct words *words_new(void);
void words_free(struct words *words);

/* The one copy of this text, NUL-terminated; NULL when there is no memory. Bytes past
 * WORDS_TEXT_MAX are cut off. */
#define WORDS_TEXT_MAX 4096
const char *words_keep(struct words *words, struct str text);

#endif
