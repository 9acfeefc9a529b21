/* token/train - learn a SentencePiece BPE model from text.
 *
 * What it learns: characters until `character_coverage` of the text is covered, then the pair of
 * neighbouring symbols that is there most often, again and again (token/learn), within words
 * (token/wordcount). No piece mixes letters with ASCII punctuation, has a blank behind its begin
 * (but for pieces of blanks alone), or holds what is user-defined: runs of up to 10 newlines and 8
 * tabs, and digits when they are split. */
#ifndef TOKEN_TRAIN_H
#define TOKEN_TRAIN_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct tokenizer_training {
    size_t vocab;              /* with specials and bytes */
    size_t threads;            /* 0: one a CPU */
    double character_coverage; /* 0: 0.9995 */
    size_t piece_chars_max;    /* 0: 16, as Grok-1's */
    bool split_digits;
    uint64_t text_bytes_max; /* read no more than that, evenly over the files; 0: all */
    void (*progress)(void *arg, const char *phase, double done); /* may be NULL */
    void *arg;
};

/* Learns from the files (text; read in pieces, so they may be larger than memory) and adds the
 * model, in SentencePiece's format with Grok-1's specials ([PAD] 0, [BOS] 1, [EOS] 2, [UNK] 3),
 * byte fallback and identity normaliser, to *model. The same input gives the same bytes, whatever
 * the threads. -EINVAL when the vocabulary is too small for the characters, or larger than what the
 * text gives. */
int tokenizer_train(const struct tokenizer_training *training, const char *const *paths,
                    size_t count, struct buf *model, struct err *err);

#endif
