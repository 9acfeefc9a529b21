#include "exchange/vocabulary.h"

#include "token/tokenizer.h"

#include <errno.h>
#include <stdio.h>

#define OUR_TOKENIZER "firstlight.tokenizer_model"
#define UNUSED        5 /* SentencePiece's and llama.cpp's type of a piece that never comes */

struct piece_of {
    char name[32]; /* of those beyond the tokenizer */
    struct str text;
    float score;
    int type;
};

/* A model's vocabulary may be rounded up: what is beyond the tokenizer's is never encoded. */
static struct piece_of piece_at(const struct tokenizer *tokenizer, int64_t id)
{
    struct piece_of piece = {.type = UNUSED};

    if (id < (int64_t)tokenizer_vocab(tokenizer))
        piece.text = tokenizer_piece(tokenizer, (int32_t)id, &piece.score, &piece.type);
    else
        (void)snprintf(piece.name, sizeof(piece.name), "[unused%lld]", (long long)id);
    return piece;
}

static void put_pieces(const struct tokenizer *tokenizer, int64_t vocab, struct gguf_writer *writer)
{
    gguf_put_array(writer, "tokenizer.ggml.tokens", GGUF_STRING, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        struct piece_of piece = piece_at(tokenizer, id);

        gguf_add_text(writer, piece.text.p ? piece.text : str_of(piece.name));
    }
    gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        struct piece_of piece = piece_at(tokenizer, id);

        buf_add(&writer->keys, (const char *)&piece.score, sizeof(piece.score));
    }
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        int32_t type = piece_at(tokenizer, id).type;

        buf_add(&writer->keys, (const char *)&type, sizeof(type));
    }
}

int vocabulary_to_gguf(const struct exchange_model *model, struct gguf_writer *writer,
                       struct err *err)
{
    struct tokenizer *tokenizer;
    int r;

    if (!model->tokenizer) {
        gguf_put_text(writer, "tokenizer.ggml.model", STR("no_vocab"));
        return 0;
    }
    r = tokenizer_parse("tokenizer.model", model->tokenizer, model->tokenizer_len, &tokenizer, err);
    if (r < 0)
        return r;
    if ((int64_t)tokenizer_vocab(tokenizer) > model->config.vocab) {
        r = err_set(err, -EINVAL, "the tokenizer has %zu tokens, the model %lld",
                    tokenizer_vocab(tokenizer), (long long)model->config.vocab);
    } else if (tokenizer_kind_of(tokenizer) != TOKENIZER_SENTENCEPIECE) {
        gguf_put_text(writer, "tokenizer.ggml.model", STR("no_vocab"));
    } else {
        gguf_put_text(writer, "tokenizer.ggml.model", STR("llama"));
        gguf_put_text(writer, "tokenizer.ggml.pre", STR("default"));
        gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", model->config.bos >= 0);
        gguf_put_bool(writer, "tokenizer.ggml.add_eos_token", false);
        put_pieces(tokenizer, model->config.vocab, writer);
    }
    tokenizer_free(tokenizer);
    if (r == 0) {
        gguf_put_array(writer, OUR_TOKENIZER, GGUF_U8, model->tokenizer_len);
        buf_add(&writer->keys, model->tokenizer, model->tokenizer_len);
    }
    return r;
}

int vocabulary_from_gguf(const struct gguf *gguf, char **bytes, size_t *len, struct err *err)
{
    const struct gguf_value *value = gguf_find(gguf, OUR_TOKENIZER);

    *bytes = NULL;
    *len = 0;
    if (!value)
        return 0;
    if (!value->array || value->type != GGUF_U8 || value->count > TOKENIZER_BYTES_MAX)
        return err_set(err, -EINVAL, OUR_TOKENIZER " is no array of bytes");
    *bytes = malloc(value->bytes.len + 1);
    if (!*bytes)
        return err_set(err, -ENOMEM, "no memory for the tokenizer");
    memcpy(*bytes, value->bytes.p, value->bytes.len);
    (*bytes)[value->bytes.len] = '\0';
    *len = value->bytes.len;
    return 0;
}
