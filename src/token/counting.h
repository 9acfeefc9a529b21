/* token/counting - the words of a text, counted by several threads.
 *
 * The text is cut into blocks that don't depend on the threads, and blocks are added up in their
 * order, so the counts are the same whoever counted. */
#ifndef TOKEN_COUNTING_H
#define TOKEN_COUNTING_H

#include "token/train.h"
#include "token/wordcount.h"

/* Adds to *count. Returns 0 or a negative errno; -ENODATA: there was no text. */
int count_words(const struct tokenizer_training *training, struct wordcount *count,
                struct err *err);

#endif
