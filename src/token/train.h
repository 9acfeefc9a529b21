/* token/train - learn a SentencePiece BPE model from text. */
#ifndef TOKEN_TRAIN_H
#define TOKEN_TRAIN_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct tokenizer_training {
    size_t vocab;              /* with specials and bytes */
    size_t threads;            /* 0: one a CPU */
    double character_coverage; /* 0.9995 */
    size_t piece_bytes_max;    /* 16 characters, as Grok-1's */
    bool split_digits;
    uint64_t text_bytes_max; /* read no more than that, evenly over the files; 0: all */
    void (*progress)(void *arg, const char *phase, double done); /* may be NULL */
    void *arg;
};

/* Learns from the files (text; read in pieces, so they may be larger than memory) and puts the
 * model, in SentencePiece's format with Grok-1's specials ([PAD] 0, [BOS] 1, [EOS] 2, [UNK] 3),
 * byte fallback and identity normaliser, into *model. The same input gives the same bytes, whatever
 * the threads. */
int tokenizer_train(const struct tokenizer_training *training, const char *const *paths,
                    size_t count, struct buf *model, struct err *err);

#endif
