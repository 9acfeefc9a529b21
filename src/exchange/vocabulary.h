/* exchange/vocabulary - the tokenizer in GGUF's keys. */
#ifndef EXCHANGE_VOCABULARY_H
#define EXCHANGE_VOCABULARY_H

#include "exchange/exchange.h"
#include "exchange/gguf.h"

/* A SentencePiece model goes as pieces, scores and types, and as its own bytes under a key of ours,
 * which come back exactly. Another kind, or none, leaves llama.cpp with token ids alone. Returns 0
 * or -EINVAL: it is no tokenizer, or has more tokens than the model. */
int vocabulary_to_gguf(const struct exchange_model *model, struct gguf_writer *writer,
                       struct err *err);

/* Our own copy when there is one, else a SentencePiece model made of llama.cpp's pieces, scores and
 * types. *bytes is malloc'ed; NULL: the file has neither. */
int vocabulary_from_gguf(const struct gguf *gguf, char **bytes, size_t *len, struct err *err);

#endif
