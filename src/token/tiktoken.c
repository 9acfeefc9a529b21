/* token/tiktoken - rank files of tiktoken: lines of a token in base64 and its rank, which is its
 * id. Behind the ranks comes <|endoftext|>. Texts are cut by split.h, and each word merged from its
 * bytes, the lowest rank first. */
#include "base/base64.h"
#include "token/scratch.h"
#include "token/split.h"

#include <errno.h>

#define END_OF_TEXT "<|endoftext|>"

struct rank_line {
    size_t begin, len; /* in the texts */
    uint64_t id;
};

struct ranks {
    struct tokenizer *tokenizer;
    struct buf texts;
    VEC(struct rank_line) lines;
    struct bpe_list rules;
    uint64_t hashes[PIECE_BYTES_MAX + 1], powers[PIECE_BYTES_MAX + 1];
    struct err *err;
};

static int read_line(struct ranks *ranks, size_t number, struct str line)
{
    size_t begin = ranks->texts.len;
    struct rank_line *read;
    struct str text, rank;
    uint64_t id;

    if (!str_word(&line, &text) || !str_word(&line, &rank) || str_trim(line).len ||
        str_to_u64(rank, 10, &id) < 0)
        return err_set(ranks->err, -EINVAL, "line %zu: no token in base64 and its rank", number);
    if (base64_decode(&ranks->texts, text) < 0 || ranks->texts.len == begin)
        return err_set(ranks->err, -EINVAL, "line %zu: %.*s is no base64", number,
                       (int)(text.len < 80 ? text.len : 80), text.p);
    if (ranks->texts.len - begin >= PIECE_BYTES_MAX)
        return err_set(ranks->err, -EINVAL, "line %zu: the token has %zu bytes", number,
                       ranks->texts.len - begin);
    if (ranks->lines.count == TOKENIZER_PIECES_MAX - 1)
        return err_set(ranks->err, -EFBIG, "more than %d tokens", TOKENIZER_PIECES_MAX);
    read = vec_push(&ranks->lines);
    if (!read || ranks->texts.failed)
        return err_set(ranks->err, -ENOMEM, "no memory for the tokens");
    *read = (struct rank_line){begin, ranks->texts.len - begin, id};
    return 0;
}

static int read_lines(struct ranks *ranks)
{
    struct str rest = {ranks->tokenizer->bytes, ranks->tokenizer->len}, line;
    size_t number = 0;
    int r = 0;

    while (r == 0 && str_line(&rest, &line)) {
        number++;
        if (str_trim(line).len)
            r = read_line(ranks, number, line);
    }
    return r;
}

/* Ids are ranks, so each from 0 on is there once. */
static int place_tokens(struct ranks *ranks)
{
    struct tokenizer *tokenizer = ranks->tokenizer;
    size_t count = ranks->lines.count;

    tokenizer->own_texts = ranks->texts.p;
    ranks->texts = (struct buf){0};
    for (size_t i = 0; i <= count; i++)
        if (!vec_push(&tokenizer->pieces))
            return err_set(ranks->err, -ENOMEM, "no memory for the tokens");
    for (size_t i = 0; i < count; i++) {
        const struct rank_line *line = &ranks->lines.items[i];
        struct piece *piece = &tokenizer->pieces.items[line->id < count ? line->id : count];

        if (line->id >= count || piece->text.len)
            return err_set(ranks->err, -EINVAL,
                           "rank %llu %s: the ranks of %zu tokens are 0 to %zu",
                           (unsigned long long)line->id,
                           line->id >= count ? "is too large" : "is there twice", count, count - 1);
        piece->text = (struct str){tokenizer->own_texts + line->begin, line->len};
        piece->score = -(float)line->id;
        piece->type = PIECE_NORMAL;
        piece->decoded_as = (int32_t)line->id;
    }
    tokenizer->pieces.items[count] = (struct piece){
        .text = STR(END_OF_TEXT), .type = PIECE_CONTROL, .decoded_as = (int32_t)count};
    tokenizer->specials[TOKENIZER_EOS] = (int32_t)count;
    return 0;
}

static int name_tokens(struct ranks *ranks)
{
    struct tokenizer *tokenizer = ranks->tokenizer;

    if (names_init(&tokenizer->whole, ranks->lines.count) < 0)
        return err_set(ranks->err, -ENOMEM, "no memory for the tokens");
    for (size_t i = 0; i < ranks->lines.count; i++) {
        struct str text = tokenizer->pieces.items[i].text;

        if (names_add(&tokenizer->whole, text, (int32_t)i) < 0)
            return err_set(ranks->err, -EINVAL, "rank %zu has the bytes of another", i);
        if (text.len == 1)
            tokenizer->byte_ids[(unsigned char)text.p[0]] = (int32_t)i;
    }
    for (size_t i = 0; i < 256; i++)
        if (tokenizer->byte_ids[i] < 0)
            return err_set(ranks->err, -EINVAL, "no token is the byte 0x%02zX", i);
    return 0;
}

static int add_rules(struct ranks *ranks, int32_t id)
{
    struct tokenizer *tokenizer = ranks->tokenizer;
    struct str text = tokenizer->pieces.items[id].text;
    uint64_t *hashes = ranks->hashes;
    int r = 0;

    for (size_t i = 0; i < text.len; i++)
        hashes[i + 1] = names_hash_more(hashes[i], text.p[i]);
    for (size_t i = 1; i < text.len && r == 0; i++) {
        struct str end = str_skip(text, i);
        int32_t left = names_find_hashed(&tokenizer->whole, hashes[i], (struct str){text.p, i});
        int32_t right =
            left < 0
                ? -1
                : names_find_hashed(&tokenizer->whole,
                                    hashes[text.len] - hashes[i] * ranks->powers[end.len], end);

        if (right >= 0)
            r = bpe_list_add(&ranks->rules, (struct bpe_rule){left, right, id, (uint32_t)id});
    }
    return r < 0 ? err_set(ranks->err, r, "no room for the ways to merge tokens") : 0;
}

int tiktoken_parse(struct tokenizer *tokenizer, struct err *err)
{
    struct ranks *ranks = calloc(1, sizeof(*ranks));
    int r;

    if (!ranks)
        return err_set(err, -ENOMEM, "no memory for the ranks");
    ranks->tokenizer = tokenizer;
    ranks->err = err;
    tokenizer->kind = TOKENIZER_TIKTOKEN;
    ranks->powers[0] = 1;
    for (size_t i = 1; i <= PIECE_BYTES_MAX; i++)
        ranks->powers[i] = ranks->powers[i - 1] * NAMES_FACTOR;
    r = read_lines(ranks);
    if (r == 0)
        r = place_tokens(ranks);
    if (r == 0)
        r = name_tokens(ranks);
    for (size_t i = 0; r == 0 && i < ranks->lines.count; i++)
        r = add_rules(ranks, (int32_t)i);
    if (r == 0 && bpe_rules_init(&tokenizer->rules, &ranks->rules) < 0)
        r = err_set(err, -ENOMEM, "no memory for the tokens");
    vec_done(&ranks->rules);
    buf_done(&ranks->texts);
    vec_done(&ranks->lines);
    free(ranks);
    return r;
}

static int encode_word(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                       struct str text, struct tokens *out)
{
    int32_t whole = names_find(&tokenizer->whole, text);
    size_t count = text.len;
    int r;

    if (count > BPE_SYMBOLS_MAX)
        return -EFBIG;
    if (scratch_symbols(scratch, count) < 0 || tokens_reserve(out, count) < 0)
        return -ENOMEM;
    if (whole >= 0) {
        out->items[out->count++] = whole;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        scratch->symbols.items[i] = tokenizer->byte_ids[(unsigned char)text.p[i]];
    r = bpe_merge(&tokenizer->rules, &scratch->work, scratch->symbols.items, &count, NULL);
    if (r < 0)
        return r;
    memcpy(out->items + out->count, scratch->symbols.items, count * sizeof(*out->items));
    out->count += count;
    return 0;
}

int tiktoken_encode(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                    struct str text, struct tokens *out)
{
    int r = 0;

    for (size_t len; text.len && r == 0; text = str_skip(text, len)) {
        struct word *word;
        uint64_t key[4];
        size_t from = out->count;

        len = split_word(text);
        word = word_slot(scratch, (struct str){text.p, len}, key);
        if (word && word_is(word, key)) {
            r = tokens_reserve(out, WORD_IDS_MAX);
            if (r == 0) {
                memcpy(out->items + from, word->ids, sizeof(word->ids));
                out->count += word->count;
            }
            continue;
        }
        r = encode_word(tokenizer, scratch, (struct str){text.p, len}, out);
        if (r == 0 && word)
            word_keep(word, key, out, from);
    }
    return r;
}
