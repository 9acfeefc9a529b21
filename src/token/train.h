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

#define TOKENIZER_VOCAB 2048

struct tokenizer_training {
    size_t vocab;              /* with specials and bytes; 0: TOKENIZER_VOCAB, more where the
                                  characters take that, less where the text gives less */
    size_t threads;            /* 0: one a CPU */
    double character_coverage; /* 0: 0.9995 */
    size_t piece_chars_max;    /* 0: 16, as Grok-1's */
    bool split_digits;
    /* Adds the next piece of the text to *piece, which ends where a word does. Returns 1, 0 when
     * there is none, or a negative errno with a sentence. */
    int (*next)(void *arg, struct buf *piece, struct err *err);
    void (*progress)(void *arg, double merged); /* may be NULL */
    void *arg;
};

/* Learns from the text, which may be larger than memory, and adds the model, in SentencePiece's
 * format with Grok-1's specials ([PAD] 0, [BOS] 1, [EOS] 2, [UNK] 3), byte fallback and identity
 * normaliser, to *model. The same input gives the same bytes, whatever the threads. -EINVAL when
 * the vocabulary is too small for the characters, or larger than what the text gives; -ENODATA when
 * there is none. */
int tokenizer_train(const struct tokenizer_training *training, struct buf *model, struct err *err);

#endif
