/* token/encode - text to tokens.
 *
 * Normalised text is cut where no piece reaches across: merges on one side then can't touch the
 * other, so each part is merged alone, and a part seen before is remembered. The library merges the
 * whole text at once; the tokens are the same. Only a model with unused pieces is merged whole:
 * there a piece falls apart as it was last put together anywhere in the text. */
#include "token/scratch.h"

#include <errno.h>
#include <stdlib.h>

/* Symbols that no rule knows: below 0. */
#define UNKNOWN_CHAR(code) (-2 - (int32_t)(code))
#define UNKNOWN_BYTE(byte) (-2 - UTF8_CODES - (int32_t)(byte))

/* A user-defined piece in a text that is merged whole: no merge may touch it. */
#define FROZEN(id)        (INT32_MIN + (id))
#define IS_FROZEN(symbol) ((symbol) < INT32_MIN / 2)

struct encoding {
    const struct tokenizer *tokenizer;
    struct tokenizer_scratch *scratch;
    struct tokens *out;
    bool after_unknown; /* unknown ones side by side are one */
};

static void put_id(struct encoding *encoding, int32_t id)
{
    encoding->out->items[encoding->out->count++] = id;
    encoding->after_unknown = false;
}

static void put_unknown(struct encoding *encoding, const char *bytes, size_t len)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;

    if (tokenizer->byte_fallback)
        for (size_t i = 0; i < len; i++)
            put_id(encoding, tokenizer->byte_ids[(unsigned char)bytes[i]]);
    else if (!encoding->after_unknown)
        put_id(encoding, tokenizer->specials[TOKENIZER_UNK]);
    encoding->after_unknown = true;
}

static void put_unknown_code(struct encoding *encoding, uint32_t code)
{
    char bytes[4];

    put_unknown(encoding, bytes, utf8_encode(code, bytes));
}

static void put_symbol(struct encoding *encoding, int32_t symbol)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    size_t pieces = tokenizer->pieces.count;
    char byte;

    if (IS_FROZEN(symbol))
        symbol -= INT32_MIN;
    if (symbol <= UNKNOWN_BYTE(0)) {
        byte = (char)(UNKNOWN_BYTE(0) - symbol);
        put_unknown(encoding, &byte, 1);
    } else if (symbol < 0) {
        put_unknown_code(encoding, (uint32_t)(UNKNOWN_CHAR(0) - symbol));
    } else if ((size_t)symbol >= pieces) {
        put_unknown_code(encoding, tokenizer->lones.items[(size_t)symbol - pieces]);
    } else if (tokenizer->emitted[symbol] >= 0) {
        put_id(encoding, tokenizer->emitted[symbol]);
    } else {
        struct str text = tokenizer->pieces.items[symbol].text;

        put_unknown(encoding, text.p, text.len);
    }
}

/* An unused piece falls into what it was last made of. */
static void put_parts(struct encoding *encoding, int32_t symbol)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    const struct bpe_halves *halves = encoding->scratch->halves;

    while (symbol >= 0 && (size_t)symbol < tokenizer->pieces.count &&
           tokenizer->pieces.items[tokenizer->pieces.items[symbol].decoded_as].type ==
               PIECE_UNUSED &&
           halves[symbol].left >= 0) {
        put_parts(encoding, halves[symbol].left);
        symbol = halves[symbol].right;
    }
    put_symbol(encoding, symbol);
}

/* The symbol of the character at the begin of `text`; *used: its bytes. */
static int32_t symbol_at(const struct tokenizer *tokenizer, struct str text, size_t *used)
{
    uint32_t code;
    int32_t symbol;

    *used = utf8_decode(text.p, text.len, &code);
    if (!*used) {
        *used = 1;
        return UNKNOWN_BYTE((unsigned char)text.p[0]);
    }
    symbol = char_symbol(tokenizer, code);
    return symbol == CHARS_NONE ? UNKNOWN_CHAR(code) : symbol;
}

/* A byte of text is a token or none, or with an unknown piece after another less. */
static int make_room(struct encoding *encoding, size_t bytes)
{
    if (bytes > BPE_SYMBOLS_MAX)
        return -EFBIG;
    if (scratch_symbols(encoding->scratch, bytes) < 0)
        return -ENOMEM;
    return tokens_reserve(encoding->out, bytes);
}

static int merge_part(struct encoding *encoding, struct str text)
{
    int32_t *symbols;
    size_t count = 0, used;
    int r = make_room(encoding, text.len);

    if (r < 0)
        return r;
    symbols = encoding->scratch->symbols.items;
    for (; text.len; text = str_skip(text, used))
        symbols[count++] = symbol_at(encoding->tokenizer, text, &used);
    r = bpe_merge(&encoding->tokenizer->rules, &encoding->scratch->work, symbols, &count, NULL);
    for (size_t i = 0; i < count && r == 0; i++)
        put_symbol(encoding, symbols[i]);
    return r;
}

static int encode_part(struct encoding *encoding, struct str text)
{
    /* What an unknown one becomes depends on what is before it, and says something to what is
     * after it. With byte fallback neither matters. */
    bool bytes = encoding->tokenizer->byte_fallback;
    size_t from = encoding->out->count;
    uint64_t key[4];
    struct word *word =
        bytes || !encoding->after_unknown ? word_slot(encoding->scratch, text, key) : NULL;
    int r;

    if (word && word_is(word, key)) {
        if (tokens_reserve(encoding->out, WORD_IDS_MAX) < 0)
            return -ENOMEM;
        memcpy(encoding->out->items + from, word->ids, sizeof(word->ids));
        encoding->out->count += word->count;
        return 0;
    }
    r = merge_part(encoding, text);
    if (r == 0 && word && (bytes || !encoding->after_unknown))
        word_keep(word, key, encoding->out, from);
    return r;
}

/* Bytes until the first place that no piece reaches across, at least one character. */
static size_t part_length(const struct tokenizer *tokenizer, struct str text)
{
    const bool *begins = tokenizer->user_defined.begins;
    size_t at, used;
    uint32_t before, code;
    int32_t id;

    at = utf8_decode(text.p, text.len, &before);
    if (!at)
        return 1;
    while (at < text.len) {
        unsigned char byte = (unsigned char)text.p[at];

        if ((before | byte) < 128) {
            if (!tokenizer->joined_ascii[before][byte])
                break;
            code = byte;
            used = 1;
        } else {
            used = utf8_decode(text.p + at, text.len - at, &code);
            if (!used || !chars_joined(tokenizer, before, code))
                break;
        }
        if (begins[byte] && matcher_find(&tokenizer->user_defined, str_skip(text, at), &id))
            break;
        before = code;
        at += used;
    }
    return at;
}

static int encode_parts(struct encoding *encoding, struct str text)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    size_t used;
    int r = 0;

    for (; text.len && r == 0; text = str_skip(text, used)) {
        int32_t id;

        used = matcher_find(&tokenizer->user_defined, text, &id);
        if (used) {
            r = tokens_reserve(encoding->out, used);
            if (r == 0)
                put_symbol(encoding, id);
        } else {
            used = part_length(tokenizer, text);
            r = encode_part(encoding, (struct str){text.p, used});
        }
    }
    return r;
}

static int halves_begin(struct encoding *encoding)
{
    struct tokenizer_scratch *scratch = encoding->scratch;
    size_t pieces = encoding->tokenizer->pieces.count;

    if (pieces > scratch->halves_space) {
        void *more = realloc(scratch->halves, pieces * sizeof(*scratch->halves));

        if (!more)
            return -ENOMEM;
        scratch->halves = more;
        scratch->halves_space = pieces;
    }
    for (size_t i = 0; i < pieces; i++)
        scratch->halves[i] = (struct bpe_halves){-1, -1};
    return 0;
}

static int encode_whole(struct encoding *encoding, struct str text)
{
    const struct tokenizer *tokenizer = encoding->tokenizer;
    struct tokenizer_scratch *scratch = encoding->scratch;
    size_t count = 0, used;
    int r = make_room(encoding, text.len);

    if (r == 0)
        r = halves_begin(encoding);
    for (; text.len && r == 0; text = str_skip(text, used)) {
        int32_t id = -1;

        used = matcher_find(&tokenizer->user_defined, text, &id);
        scratch->symbols.items[count++] = used ? FROZEN(id) : symbol_at(tokenizer, text, &used);
    }
    if (r == 0)
        r = bpe_merge(&tokenizer->rules, &scratch->work, scratch->symbols.items, &count,
                      scratch->halves);
    for (size_t i = 0; i < count && r == 0; i++)
        put_parts(encoding, scratch->symbols.items[i]);
    return r;
}

static int sentencepiece_encode(const struct tokenizer *tokenizer,
                                struct tokenizer_scratch *scratch, struct str text,
                                struct tokens *out)
{
    struct encoding encoding = {tokenizer, scratch, out, false};

    buf_clear(&scratch->normalized);
    normalize(&tokenizer->normalizer, text, &scratch->normalized);
    if (scratch->normalized.failed)
        return -ENOMEM;
    text = (struct str){scratch->normalized.p, scratch->normalized.len};
    return tokenizer->has_unused ? encode_whole(&encoding, text) : encode_parts(&encoding, text);
}

int tokenizer_encode(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                     struct str text, struct tokens *out)
{
    if (scratch->serial != tokenizer->serial) {
        for (size_t i = 0; i < (size_t)1 << WORDS_BITS; i++)
            scratch->words[i] = (struct word){0};
        scratch->serial = tokenizer->serial;
    }
    return tokenizer->kind == TOKENIZER_TIKTOKEN
               ? tiktoken_encode(tokenizer, scratch, text, out)
               : sentencepiece_encode(tokenizer, scratch, text, out);
}
