/* Any bytes as a model, and a text behind the last 0xff 0xff: what loads encodes and decodes it. */
#include "token/tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096

static size_t text_begin(const uint8_t *data, size_t size)
{
    for (size_t i = size; i >= 2; i--)
        if (data[i - 1] == 0xff && data[i - 2] == 0xff)
            return i;
    return size;
}

static void try_text(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                     struct str text)
{
    struct tokens tokens = {0};
    struct tokenizer_stream stream = {0};
    struct buf back = {0}, parts = {0};
    size_t bad, first;

    for (int again = 0; again < 2; again++) { /* from memory: the same */
        first = tokens.count;
        if (tokenizer_encode(tokenizer, scratch, text, &tokens) < 0)
            abort();
    }
    if (tokens.count != first * 2)
        abort();
    for (size_t i = 0; i < first; i++)
        if (tokens.items[i] != tokens.items[first + i])
            abort();
    if (tokens.count && tokenizer_decode(tokenizer, tokens.items, first, &back, &bad) < 0)
        abort();
    if (tokenizer_kind_of(tokenizer) == TOKENIZER_TIKTOKEN &&
        !str_eq((struct str){back.p, back.len}, text))
        abort();
    for (size_t i = 0; i < first; i++)
        if (tokenizer_decode_next(tokenizer, &stream, tokens.items[i], &parts))
            abort();
    if (tokenizer_decode_end(&stream, &parts) ||
        !str_eq((struct str){parts.p, parts.len}, (struct str){back.p, back.len}))
        abort();
    buf_done(&parts);
    buf_done(&back);
    vec_done(&tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer_scratch *scratch;
    struct tokenizer *tokenizer;
    struct err err = {0};
    size_t begin = text_begin(data, size), end = begin < size ? begin - 2 : size;
    size_t len = size - begin < TEXT_MAX ? size - begin : TEXT_MAX;

    if (!scratch)
        scratch = tokenizer_scratch_new();
    if (!scratch)
        abort();
    if (tokenizer_parse("model", (const char *)data, end, &tokenizer, &err) < 0) {
        if (!err.text[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < tokenizer_vocab(tokenizer); i++) {
        int32_t id = (int32_t)i;
        struct buf out = {0};
        size_t bad;

        if (tokenizer_decode(tokenizer, &id, 1, &out, &bad) < 0)
            abort();
        buf_done(&out);
    }
    try_text(tokenizer, scratch, (struct str){(const char *)data + begin, len});
    try_text(tokenizer, scratch, (struct str){(const char *)data, end < TEXT_MAX ? end : TEXT_MAX});
    tokenizer_free(tokenizer);
    return 0;
}
