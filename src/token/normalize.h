/* token/normalize - SentencePiece's normaliser: a table of replacements (a "charsmap", compiled to
 * a double array), blanks, and the blank in front of a text. */
#ifndef TOKEN_NORMALIZE_H
#define TOKEN_NORMALIZE_H

#include "base/err.h"
#include "token/match.h"

struct normalizer {
    const char *units; /* of the double array, 4 bytes little-endian each; NULL: no table */
    size_t unit_count;
    struct str replacements; /* each ends with a NUL */
    bool dummy_prefix, remove_extra_blanks, escape_blanks, blank_is_suffix;
    const struct matcher *kept; /* texts that are never replaced */
};

/* `charsmap` stays the caller's. Returns 0 or -EINVAL. */
int normalizer_set_charsmap(struct normalizer *normalizer, struct str charsmap, struct err *err);

/* Add the normalised text; out->failed when there was no memory. Wrong bytes become U+FFFD. */
void normalize(const struct normalizer *normalizer, struct str text, struct buf *out);

#endif
