/* token/merges - how SentencePiece's pieces come together: the symbols of characters, and the ways
 * to merge two symbols into a piece. */
#ifndef TOKEN_MERGES_H
#define TOKEN_MERGES_H

#include "token/model.h"

/* Fill the rules, characters and symbols of a tokenizer that has its pieces; `mergeable`: those
 * that text may become, by their texts. Returns 0 or a negative errno. */
int merges_make(struct tokenizer *tokenizer, const struct names *mergeable, struct err *err);

#endif
