/* token/model - what is inside a tokenizer; for the room's own files. */
#ifndef TOKEN_MODEL_H
#define TOKEN_MODEL_H

#include "token/bpe.h"
#include "token/names.h"
#include "token/normalize.h"
#include "token/tokenizer.h"
#include "token/utf8.h"

/* Longer pieces are refused, as by the SentencePiece library. */
#define PIECE_BYTES_MAX 8000

/* As SentencePiece's model says it. */
enum piece_type {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2,
    PIECE_CONTROL = 3,
    PIECE_USER_DEFINED = 4,
    PIECE_UNUSED = 5,
    PIECE_BYTE = 6
};

struct piece {
    struct str text; /* in the model's bytes, or the tokenizer's own */
    float score;
    enum piece_type type;
    int32_t decoded_as; /* the piece that its text means, which may be another one's */
    unsigned char byte; /* of a PIECE_BYTE */
};

/* May text become it? */
static inline bool piece_mergeable(const struct piece *piece)
{
    return piece->type == PIECE_NORMAL || piece->type == PIECE_USER_DEFINED ||
           piece->type == PIECE_UNUSED;
}

#define CHARS_PAGE 256
#define CHARS_NONE (-1)

struct tokenizer {
    enum tokenizer_kind kind;
    char *bytes;
    size_t len;
    uint64_t hash, serial; /* serial: which one of this process */
    VEC(struct piece) pieces;
    int32_t specials[4]; /* by enum tokenizer_special */
    int32_t byte_ids[256];

    struct bpe_rules rules;
    struct names whole; /* tiktoken's ranks, by their bytes */
    char *own_texts;    /* tiktoken's pieces */

    /* SentencePiece */
    struct normalizer normalizer;
    struct matcher user_defined;
    bool byte_fallback, has_unused;
    struct str unknown_text;
    int32_t *emitted; /* what a piece's symbol is called in the end; -1: unknown */
    VEC(uint32_t)
    lones; /* characters in pieces that are none: symbols behind those of the pieces */
    /* The symbol of a character: pages of CHARS_PAGE, the first of which is empty. */
    uint16_t char_pages[UTF8_CODES / CHARS_PAGE];
    VEC(int32_t) char_symbols;
    /* Which characters stand side by side in a piece: text is cut where they don't. Of others than
     * ASCII by a hash, so it may say yes too often, which costs time alone. */
    bool joined_ascii[128][128];
    uint64_t *joined;
    unsigned joined_shift;
};

int sentencepiece_parse(struct tokenizer *tokenizer, struct err *err);
int tiktoken_parse(struct tokenizer *tokenizer, struct err *err);

static inline int32_t char_symbol(const struct tokenizer *tokenizer, uint32_t code)
{
    size_t page = tokenizer->char_pages[code / CHARS_PAGE];

    return tokenizer->char_symbols.items[page * CHARS_PAGE + code % CHARS_PAGE];
}

static inline uint64_t joined_bit(const struct tokenizer *tokenizer, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right;

    return (key * 0x9e3779b97f4a7c15u ^ key >> 31) * 0xd6e8feb86659fd93u >> tokenizer->joined_shift;
}

static inline bool chars_joined(const struct tokenizer *tokenizer, uint32_t left, uint32_t right)
{
    uint64_t bit;

    if ((left | right) < 128)
        return tokenizer->joined_ascii[left][right];
    bit = joined_bit(tokenizer, left, right);
    return tokenizer->joined[bit / 64] >> bit % 64 & 1;
}

#endif
