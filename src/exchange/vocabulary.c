#include "exchange/vocabulary.h"

#include "token/proto.h"
#include "token/tokenizer.h"

#include <errno.h>
#include <stdio.h>

#define OUR_TOKENIZER "firstlight.tokenizer_model"

/* Types of pieces, of which SentencePiece and llama.cpp have the same numbers. */
enum { NORMAL = 1, UNKNOWN = 2, USER_DEFINED = 4, UNUSED = 5, BYTE = 6 };

struct piece_of {
    char name[32]; /* of those beyond the tokenizer */
    struct str text;
    float score;
    int type;
};

#define RUN_MAX 62

/* llama.cpp cuts text at user-defined pieces, and puts a blank in front of what follows, which
 * SentencePiece does not. So what plain merging comes to as well goes as normal pieces: runs of one
 * character ("\n", "\n\n" ...) of which all lengths up to the longest are there, when no other
 * piece has that character. Merged before all others and the longer the sooner, a run grows from
 * its begin as far as it goes, which is the longest match. */
struct runs {
    uint64_t lengths[128]; /* of a character: bit n is set when a run of n is user-defined */
    bool mixed[128];       /* it is in other pieces too */
    float top;             /* no normal piece has more */
};

/* The length of a text that is one ASCII character again and again; 0: it is something else. */
static size_t run_of(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] != text.p[0] || text.len > RUN_MAX || (unsigned char)text.p[0] >= 128)
            return 0;
    return text.len;
}

static void find_runs(const struct tokenizer *tokenizer, struct runs *runs)
{
    *runs = (struct runs){0};
    for (size_t id = 0; id < tokenizer_vocab(tokenizer); id++) {
        float score;
        int type;
        struct str text = tokenizer_piece(tokenizer, (int32_t)id, &score, &type);
        size_t run = type == USER_DEFINED ? run_of(text) : 0;

        if (type == NORMAL && score > runs->top)
            runs->top = score;
        if (run > 0)
            runs->lengths[(unsigned char)text.p[0]] |= (uint64_t)1 << run;
        else if (type == NORMAL || type == USER_DEFINED || type == UNUSED)
            for (size_t i = 0; i < text.len; i++)
                if ((unsigned char)text.p[i] < 128)
                    runs->mixed[(unsigned char)text.p[i]] = true;
    }
}

static bool merges(const struct runs *runs, struct str text)
{
    uint64_t lengths = run_of(text) ? runs->lengths[(unsigned char)text.p[0]] : 1;

    /* From bit 1 on without a gap. */
    return (lengths & (lengths + 2)) == 0 && !runs->mixed[(unsigned char)text.p[0]];
}

/* A model's vocabulary may be rounded up: what is beyond the tokenizer's is never encoded. */
static struct piece_of piece_at(const struct tokenizer *tokenizer, const struct runs *runs,
                                int64_t id)
{
    struct piece_of piece = {.type = UNUSED};

    if (id >= (int64_t)tokenizer_vocab(tokenizer)) {
        (void)snprintf(piece.name, sizeof(piece.name), "[unused%lld]", (long long)id);
        return piece;
    }
    piece.text = tokenizer_piece(tokenizer, (int32_t)id, &piece.score, &piece.type);
    if (piece.type == USER_DEFINED && merges(runs, piece.text)) {
        piece.type = NORMAL;
        piece.score = runs->top + (float)run_of(piece.text);
    }
    /* SentencePiece looks for it when blanks are U+2581 already (Grok-1's model has such runs);
     * llama.cpp would find it. */
    if (piece.type == USER_DEFINED && memchr(piece.text.p, ' ', piece.text.len))
        piece.type = UNUSED;
    return piece;
}

static void put_pieces(const struct tokenizer *tokenizer, int64_t vocab, struct gguf_writer *writer)
{
    struct runs runs;

    find_runs(tokenizer, &runs);
    gguf_put_array(writer, "tokenizer.ggml.tokens", GGUF_STRING, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        struct piece_of piece = piece_at(tokenizer, &runs, id);

        gguf_add_text(writer, piece.text.p ? piece.text : str_of(piece.name));
    }
    gguf_put_array(writer, "tokenizer.ggml.scores", GGUF_F32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        struct piece_of piece = piece_at(tokenizer, &runs, id);

        buf_add(&writer->keys, (const char *)&piece.score, sizeof(piece.score));
    }
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, (uint64_t)vocab);
    for (int64_t id = 0; id < vocab; id++) {
        int32_t type = piece_at(tokenizer, &runs, id).type;

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
        gguf_put_bool(writer, "tokenizer.ggml.add_bos_token",
                      tokenizer_special_id(tokenizer, TOKENIZER_BOS) >= 0);
        gguf_put_bool(writer, "tokenizer.ggml.add_eos_token", false);
        gguf_put_bool(writer, "tokenizer.ggml.add_space_prefix", tokenizer_adds_blank(tokenizer));
        put_pieces(tokenizer, model->config.vocab, writer);
    }
    tokenizer_free(tokenizer);
    if (r == 0) {
        gguf_put_array(writer, OUR_TOKENIZER, GGUF_U8, model->tokenizer_len);
        buf_add(&writer->keys, model->tokenizer, model->tokenizer_len);
    }
    return r;
}

/* What a file that others wrote says of its vocabulary. */
struct vocabulary {
    struct str texts; /* each with its length in 8 bytes before */
    struct str scores, types;
    uint64_t count;
    int64_t unknown;
    bool bytes;
};

static int32_t type_at(const struct vocabulary *vocabulary, uint64_t id)
{
    int32_t type;

    memcpy(&type, vocabulary->types.p + id * sizeof(type), sizeof(type));
    return type;
}

static int read_vocabulary(const struct gguf *gguf, struct vocabulary *out, struct err *err)
{
    const struct gguf_value *texts = gguf_find(gguf, "tokenizer.ggml.tokens");
    const struct gguf_value *scores = gguf_find(gguf, "tokenizer.ggml.scores");
    const struct gguf_value *types = gguf_find(gguf, "tokenizer.ggml.token_type");

    if (!texts || !texts->array || texts->type != GGUF_STRING ||
        texts->count > TOKENIZER_PIECES_MAX)
        return err_set(err, -EINVAL, "tokenizer.ggml.tokens is no list of at most %d texts",
                       TOKENIZER_PIECES_MAX);
    if (!scores || !scores->array || scores->type != GGUF_F32 || scores->count != texts->count)
        return err_set(err, -EINVAL, "tokenizer.ggml.scores has not a number for each token");
    if (!types || !types->array || types->type != GGUF_I32 || types->count != texts->count)
        return err_set(err, -EINVAL, "tokenizer.ggml.token_type has not a type for each token");
    *out = (struct vocabulary){.texts = texts->bytes,
                               .scores = scores->bytes,
                               .types = types->bytes,
                               .count = texts->count};
    if (!gguf_integer(gguf_find(gguf, "tokenizer.ggml.unknown_token_id"), 0, &out->unknown))
        out->unknown = -1;
    for (uint64_t id = 0; id < out->count; id++) {
        out->bytes |= type_at(out, id) == BYTE;
        if (type_at(out, id) == UNKNOWN)
            out->unknown = (int64_t)id; /* what the pieces say goes before */
    }
    return 0;
}

static void put_message(struct buf *model, uint32_t number, struct buf *message)
{
    proto_put_bytes(model, number, (struct str){message->p, message->len});
    model->failed |= message->failed;
    buf_clear(message);
}

/* Numbers of the fields are those of sentencepiece_model.proto. `names`: of bos, eos and pad. */
static void put_model(const struct vocabulary *vocabulary, const int64_t specials[3], bool blank,
                      struct buf *model)
{
    struct str texts = vocabulary->texts, names[3] = {{0}};
    struct buf message = {0};

    for (uint64_t id = 0; id < vocabulary->count; id++) {
        uint64_t len;
        float score;
        struct str text;

        memcpy(&len, texts.p, sizeof(len));
        memcpy(&score, vocabulary->scores.p + id * sizeof(score), sizeof(score));
        text = (struct str){texts.p + sizeof(len), (size_t)len};
        texts = str_skip(texts, sizeof(len) + (size_t)len);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (specials[i] == (int64_t)id)
                names[i] = text;
        proto_put_bytes(&message, 1, text);
        proto_put_float(&message, 2, score);
        proto_put_varint(&message, 3,
                         vocabulary->unknown == (int64_t)id ? UNKNOWN
                                                            : (uint64_t)type_at(vocabulary, id));
        put_message(model, 1, &message);
    }
    proto_put_varint(&message, 3, 2); /* model_type: BPE */
    proto_put_varint(&message, 35, vocabulary->bytes);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].len)
            proto_put_bytes(&message, 46 + (uint32_t)i, names[i]);
    put_message(model, 2, &message);
    proto_put_bytes(&message, 1, STR("identity"));
    proto_put_varint(&message, 3, blank); /* add_dummy_prefix */
    proto_put_varint(&message, 4, 0);     /* remove_extra_whitespaces */
    proto_put_varint(&message, 5, 1);     /* escape_whitespaces */
    put_message(model, 3, &message);
    buf_done(&message);
}

/* The SentencePiece model that a llama.cpp vocabulary was made from, as far as it is there. */
static int rebuild(const struct gguf *gguf, struct buf *model, struct err *err)
{
    static const char *const keys[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                       "tokenizer.ggml.padding_token_id"};
    const struct gguf_value *prefix = gguf_find(gguf, "tokenizer.ggml.add_space_prefix");
    bool blank = !prefix || prefix->type != GGUF_BOOL || prefix->array || prefix->bytes.p[0];
    struct tokenizer *tokenizer = NULL;
    struct vocabulary vocabulary;
    int64_t specials[3];
    int r = read_vocabulary(gguf, &vocabulary, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!gguf_integer(gguf_find(gguf, keys[i]), 0, &specials[i]))
            specials[i] = -1;
    put_model(&vocabulary, specials, blank, model);
    if (model->failed)
        return err_set(err, -ENOMEM, "no memory for the tokenizer");
    r = tokenizer_parse("its tokenizer", model->p, model->len, &tokenizer, err);
    tokenizer_free(tokenizer);
    return r;
}

static int copy_ours(const struct gguf_value *value, struct buf *model, struct err *err)
{
    if (!value->array || value->type != GGUF_U8 || value->count > TOKENIZER_BYTES_MAX)
        return err_set(err, -EINVAL, OUR_TOKENIZER " is no array of bytes");
    buf_add(model, value->bytes.p, value->bytes.len);
    return model->failed ? err_set(err, -ENOMEM, "no memory for the tokenizer") : 0;
}

int vocabulary_from_gguf(const struct gguf *gguf, char **bytes, size_t *len, struct err *err)
{
    const struct gguf_value *ours = gguf_find(gguf, OUR_TOKENIZER);
    struct buf model = {0};
    struct str kind;
    int r = 0;

    *bytes = NULL;
    *len = 0;
    if (ours)
        r = copy_ours(ours, &model, err);
    else if (gguf_text(gguf_find(gguf, "tokenizer.ggml.model"), &kind) && str_is(kind, "llama"))
        r = rebuild(gguf, &model, err);
    if (r < 0) {
        buf_done(&model);
        return r;
    }
    *bytes = model.p; /* handed over */
    *len = model.len;
    return 0;
}
