/* token/tokenizer - see tokenizer.h. */
#include "token/tokenizer.h"

#include "base/file.h"
#include "base/hash.h"
#include "token/model.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    free(tokenizer->bytes);
    vec_done(&tokenizer->pieces);
    bpe_rules_done(&tokenizer->rules);
    names_done(&tokenizer->whole);
    free(tokenizer->own_texts);
    matcher_done(&tokenizer->user_defined);
    free(tokenizer->emitted);
    vec_done(&tokenizer->lones);
    vec_done(&tokenizer->char_symbols);
    free(tokenizer->joined);
    free(tokenizer);
}

/* A rank file is lines of base64, a blank and a number. A SentencePiece model begins with the byte
 * 0x0a: a newline. */
static bool is_tiktoken(struct str bytes)
{
    struct str line, word, number;

    return str_line(&bytes, &line) && str_word(&line, &word) && str_word(&line, &number) &&
           number.len && str_digits(&number, 10).len && !number.len && !str_trim(line).len;
}

/* Takes the bytes over. */
static int make(const char *name, char *bytes, size_t len, struct tokenizer **out, struct err *err)
{
    static atomic_uint_fast64_t serials;
    struct tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
    int r;

    if (!tokenizer) {
        free(bytes);
        return err_set(err, -ENOMEM, "%s: no memory for the tokenizer", name);
    }
    tokenizer->bytes = bytes;
    tokenizer->len = len;
    tokenizer->hash = hash64(bytes, len);
    tokenizer->serial = atomic_fetch_add(&serials, 1) + 1;
    for (size_t i = 0; i < ARRAY_LEN(tokenizer->specials); i++)
        tokenizer->specials[i] = -1;
    for (size_t i = 0; i < ARRAY_LEN(tokenizer->byte_ids); i++)
        tokenizer->byte_ids[i] = -1;
    r = is_tiktoken((struct str){bytes, len}) ? tiktoken_parse(tokenizer, err)
                                              : sentencepiece_parse(tokenizer, err);
    if (r < 0) {
        tokenizer_free(tokenizer);
        return err_wrap(err, r, "%s", name);
    }
    *out = tokenizer;
    return 0;
}

int tokenizer_load(const char *path, struct tokenizer **out, struct err *err)
{
    char *bytes;
    size_t len;
    int r = file_read(path, TOKENIZER_BYTES_MAX, &bytes, &len, err);

    return r < 0 ? r : make(path, bytes, len, out, err);
}

int tokenizer_parse(const char *name, const char *bytes, size_t len, struct tokenizer **out,
                    struct err *err)
{
    char *copy;

    if (len > TOKENIZER_BYTES_MAX)
        return err_set(err, -EFBIG, "%s: more than %zu MiB", name, TOKENIZER_BYTES_MAX >> 20);
    copy = malloc(len + 1);
    if (!copy)
        return err_set(err, -ENOMEM, "%s: no memory for the tokenizer", name);
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return make(name, copy, len, out, err);
}

enum tokenizer_kind tokenizer_kind_of(const struct tokenizer *tokenizer)
{
    return tokenizer->kind;
}

size_t tokenizer_vocab(const struct tokenizer *tokenizer)
{
    return tokenizer->pieces.count;
}

struct str tokenizer_bytes(const struct tokenizer *tokenizer)
{
    return (struct str){tokenizer->bytes, tokenizer->len};
}

uint64_t tokenizer_hash(const struct tokenizer *tokenizer)
{
    return tokenizer->hash;
}

int32_t tokenizer_special_id(const struct tokenizer *tokenizer, enum tokenizer_special which)
{
    return tokenizer->specials[which];
}

bool tokenizer_adds_blank(const struct tokenizer *tokenizer)
{
    return tokenizer->kind == TOKENIZER_SENTENCEPIECE && tokenizer->normalizer.dummy_prefix;
}

struct str tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, float *score, int *type)
{
    const struct piece *piece;

    if (id < 0 || (size_t)id >= tokenizer->pieces.count)
        return (struct str){0};
    piece = &tokenizer->pieces.items[id];
    if (score)
        *score = piece->score;
    if (type)
        *type = piece->type;
    return piece->text;
}
