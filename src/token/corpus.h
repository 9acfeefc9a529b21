/* token/corpus - the words of text files, counted by several threads.
 *
 * Files are cut into blocks that don't depend on the threads, and blocks are added up in their
 * order, so the counts are the same whoever counted. */
#ifndef TOKEN_CORPUS_H
#define TOKEN_CORPUS_H

#include "token/train.h"
#include "token/wordcount.h"

/* Adds to *count. Returns 0 or a negative errno. */
int corpus_count(const struct tokenizer_training *training, const char *const *paths,
                 size_t paths_count, struct wordcount *count, struct err *err);

#endif
