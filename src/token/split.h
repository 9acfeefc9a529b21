/* token/split - the words that tiktoken merges each for itself, as by the pattern of cl100k_base:
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
 *   | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *
 * A byte that is no UTF-8 counts as a character that is neither letter, number nor blank. */
#ifndef TOKEN_SPLIT_H
#define TOKEN_SPLIT_H

#include "base/str.h"

/* Length of the word at the begin of `text`, which is not empty. */
size_t split_word(struct str text);

#endif
