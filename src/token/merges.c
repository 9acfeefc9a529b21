/* Ways to merge of SentencePiece's pieces: each cut of a piece into two that may come up. */
#include "token/merges.h"

#include <errno.h>
#include <stdlib.h>

#define JOINED_BITS_A_PAIR 16

struct merging {
    struct tokenizer *tokenizer;
    const struct names *mergeable;
    struct bpe_list rules;
    VEC(struct cut {
        uint64_t hash; /* of the text so far */
        uint64_t rest; /* of what follows */
        bool maybe;    /* a rule */
        uint32_t at;
        uint32_t code; /* of the character that begins here */
    })
    cuts; /* of one piece */
    uint32_t *rank;
    struct err *err;
};

/* Gives the character a symbol when it has none. */
static int add_char(struct merging *merging, uint32_t code, int32_t symbol)
{
    struct tokenizer *tokenizer = merging->tokenizer;
    uint16_t *page = &tokenizer->char_pages[code / CHARS_PAGE];

    if (!*page) {
        *page = (uint16_t)(tokenizer->char_symbols.count / CHARS_PAGE);
        for (size_t i = 0; i < CHARS_PAGE; i++) {
            int32_t *slot = vec_push(&tokenizer->char_symbols);

            if (!slot)
                return err_set(merging->err, -ENOMEM, "no memory for the characters");
            *slot = CHARS_NONE;
        }
    }
    tokenizer->char_symbols.items[*page * (size_t)CHARS_PAGE + code % CHARS_PAGE] = symbol;
    return 0;
}

static int add_lone(struct merging *merging, uint32_t code)
{
    struct tokenizer *tokenizer = merging->tokenizer;
    int32_t symbol = (int32_t)(tokenizer->pieces.count + tokenizer->lones.count);
    uint32_t *lone;

    if (char_symbol(tokenizer, code) != CHARS_NONE)
        return 0;
    lone = vec_push(&tokenizer->lones);
    if (!lone)
        return err_set(merging->err, -ENOMEM, "no memory for the characters");
    *lone = code;
    return add_char(merging, code, symbol);
}

/* The places between the characters of a piece, and its end. */
static int cut_piece(struct merging *merging, struct str text)
{
    uint64_t hash = 0;
    size_t used;

    merging->cuts.count = 0;
    for (size_t at = 0; at <= text.len; at += used) {
        struct cut *cut = vec_push(&merging->cuts);

        if (!cut)
            return err_set(merging->err, -ENOMEM, "no memory for the pieces");
        cut->at = (uint32_t)at;
        cut->hash = hash;
        if (at == text.len)
            return 0;
        used = utf8_decode(text.p + at, text.len - at, &cut->code);
        for (size_t i = at; i < at + used; i++)
            hash = names_hash_more(hash, text.p[i]);
    }
    return 0;
}

/* Characters that are pieces: a symbol is a piece where it can be. */
static int add_chars(struct merging *merging)
{
    struct tokenizer *tokenizer = merging->tokenizer;
    int r = 0;

    for (size_t i = 0; i < CHARS_PAGE; i++) { /* the page of those that have none */
        int32_t *slot = vec_push(&tokenizer->char_symbols);

        if (!slot)
            return err_set(merging->err, -ENOMEM, "no memory for the characters");
        *slot = CHARS_NONE;
    }
    for (size_t i = 0; i < tokenizer->pieces.count && r == 0; i++) {
        const struct piece *piece = &tokenizer->pieces.items[i];
        uint32_t code = 0;

        if (piece_mergeable(piece) &&
            utf8_decode(piece->text.p, piece->text.len, &code) == piece->text.len)
            r = add_char(merging, code, (int32_t)i);
    }
    return r;
}

/* Which characters stand side by side, empty: of less pairs than the pieces have bytes. */
static int joined_init(struct merging *merging)
{
    struct tokenizer *tokenizer = merging->tokenizer;
    size_t bits = 64, bytes = 0;

    for (size_t i = 0; i < tokenizer->pieces.count; i++)
        bytes += tokenizer->pieces.items[i].text.len;
    tokenizer->joined_shift = 64 - 6;
    for (; bits < bytes * JOINED_BITS_A_PAIR && bits < (size_t)1 << 32; bits *= 2)
        tokenizer->joined_shift--;
    tokenizer->joined = calloc(bits / 64, sizeof(*tokenizer->joined));
    return tokenizer->joined ? 0 : err_set(merging->err, -ENOMEM, "no memory for the pieces");
}

static void note_joined(struct tokenizer *tokenizer, uint32_t left, uint32_t right)
{
    uint64_t bit = joined_bit(tokenizer, left, right);

    if ((left | right) < 128)
        tokenizer->joined_ascii[left][right] = true;
    else
        tokenizer->joined[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* Hashes of what follows each cut, and whether both parts may be symbols. */
static void look_at_cuts(struct merging *merging)
{
    struct cut *cuts = merging->cuts.items;
    size_t chars = merging->cuts.count - 1;
    uint64_t factor = 1;

    for (size_t i = chars - 1; i > 0; i--) {
        for (uint32_t at = cuts[i].at; at < cuts[i + 1].at; at++)
            factor *= NAMES_FACTOR;
        cuts[i].rest = cuts[chars].hash - cuts[i].hash * factor;
        cuts[i].maybe = (i == 1 || names_maybe(merging->mergeable, cuts[i].hash)) &&
                        (i == chars - 1 || names_maybe(merging->mergeable, cuts[i].rest));
    }
}

/* The symbol of a part of a piece, which begins at a cut, -1: it can't come up. */
static int32_t part_symbol(const struct merging *merging, const struct cut *cut, size_t chars,
                           uint64_t hash, struct str text)
{
    return chars == 1 ? char_symbol(merging->tokenizer, cut->code)
                      : names_find_hashed(merging->mergeable, hash, text);
}

static int too_many_rules(struct merging *merging, int r)
{
    return err_set(merging->err, r, "no room for the ways to merge pieces");
}

static int add_rules(struct merging *merging, int32_t id)
{
    struct str text = merging->tokenizer->pieces.items[id].text;
    int r = cut_piece(merging, text);
    const struct cut *cuts = merging->cuts.items;
    size_t chars = r == 0 ? merging->cuts.count - 1 : 0;

    for (size_t i = 0; i < chars && r == 0; i++)
        r = add_lone(merging, cuts[i].code);
    if (r < 0 || chars < 2)
        return r;
    look_at_cuts(merging);
    for (size_t i = 1; i < chars; i++) {
        const struct cut *cut = &cuts[i];
        int32_t left, right = -1;

        note_joined(merging->tokenizer, cuts[i - 1].code, cut->code);
        if (!cut->maybe)
            continue;
        left = part_symbol(merging, cuts, i, cut->hash, (struct str){text.p, cut->at});
        if (left >= 0)
            right = part_symbol(merging, cut, chars - i, cut->rest, str_skip(text, cut->at));
        if (right < 0)
            continue;
        r = bpe_list_add(&merging->rules, (struct bpe_rule){left, right, id, merging->rank[id]});
        if (r < 0)
            return too_many_rules(merging, r);
    }
    return 0;
}

struct scored {
    float score;
    int32_t id;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

/* The best score ranks 0; equal ones rank equal. */
static int rank_pieces(struct merging *merging)
{
    size_t count = merging->tokenizer->pieces.count;
    struct scored *scored = malloc(count * sizeof(*scored));
    uint32_t rank = 0;

    merging->rank = malloc(count * sizeof(*merging->rank));
    if (!scored || !merging->rank) {
        free(scored);
        return err_set(merging->err, -ENOMEM, "no memory for the pieces");
    }
    for (size_t i = 0; i < count; i++)
        scored[i] = (struct scored){merging->tokenizer->pieces.items[i].score, (int32_t)i};
    qsort(scored, count, sizeof(*scored), by_score);
    for (size_t i = 0; i < count; i++) {
        if (i && scored[i].score < scored[i - 1].score)
            rank++;
        merging->rank[scored[i].id] = rank;
    }
    free(scored);
    return 0;
}

static int make_rules(struct merging *merging)
{
    struct tokenizer *tokenizer = merging->tokenizer;
    int r = rank_pieces(merging);

    if (r == 0)
        r = joined_init(merging);
    if (r == 0)
        r = add_chars(merging);
    for (size_t i = 0; i < tokenizer->pieces.count && r == 0; i++)
        if (piece_mergeable(&tokenizer->pieces.items[i]))
            r = add_rules(merging, (int32_t)i);
    if (r == 0) {
        r = bpe_rules_init(&tokenizer->rules, &merging->rules);
        if (r < 0)
            too_many_rules(merging, r);
    }
    if (r < 0)
        return r;
    tokenizer->emitted = malloc(tokenizer->pieces.count * sizeof(*tokenizer->emitted));
    if (!tokenizer->emitted)
        return err_set(merging->err, -ENOMEM, "no memory for the pieces");
    for (size_t i = 0; i < tokenizer->pieces.count; i++) {
        int32_t id = tokenizer->pieces.items[i].decoded_as;

        tokenizer->emitted[i] = tokenizer->pieces.items[id].type == PIECE_UNKNOWN ? -1 : id;
    }
    return 0;
}

int merges_make(struct tokenizer *tokenizer, const struct names *mergeable, struct err *err)
{
    struct merging merging = {.tokenizer = tokenizer, .mergeable = mergeable, .err = err};
    int r = make_rules(&merging);

    vec_done(&merging.rules);
    vec_done(&merging.cuts);
    free(merging.rank);
    return r;
}
