/* trainer/token_stream - `tokenizer encode` and `decode`: from stdin to stdout. */
#ifndef TRAINER_TOKEN_STREAM_H
#define TRAINER_TOKEN_STREAM_H

#include "base/err.h"

#include <stdbool.h>

struct token_stream {
    const char *path; /* of the tokenizer */
    bool decode, lines, bos, eos, pieces;
};

/* Returns 0 or a negative errno with a sentence. */
int token_stream_run(const struct token_stream *options, struct err *err);

#endif
