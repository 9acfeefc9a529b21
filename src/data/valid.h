/* data/valid - is a text UTF-8? */
#ifndef DATA_VALID_H
#define DATA_VALID_H

#include "base/str.h"

/* Index of the first byte that begins no code point (Unicode 15, table 3-7: no surrogates, nothing
 * longer than need be); `text.len` when all is well. */
size_t valid_prefix(struct str text);

#endif
