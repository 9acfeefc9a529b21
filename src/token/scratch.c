/* token/scratch - see scratch.h. */
#include "token/scratch.h"

#include <errno.h>
#include <stdlib.h>

struct tokenizer_scratch *tokenizer_scratch_new(void)
{
    struct tokenizer_scratch *scratch = calloc(1, sizeof(*scratch));

    if (!scratch)
        return NULL;
    scratch->words = aligned_alloc(64, sizeof(*scratch->words) << WORDS_BITS);
    if (!scratch->words) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

void tokenizer_scratch_free(struct tokenizer_scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->words);
    buf_done(&scratch->normalized);
    vec_done(&scratch->symbols);
    bpe_work_done(&scratch->work);
    free(scratch->halves);
    free(scratch);
}

int scratch_symbols(struct tokenizer_scratch *scratch, size_t count)
{
    size_t space = scratch->symbols.space * 2 > count ? scratch->symbols.space * 2 : count;
    int32_t *more;

    if (count <= scratch->symbols.space)
        return 0;
    more = realloc(scratch->symbols.items, space * sizeof(*more));
    if (!more)
        return -ENOMEM;
    scratch->symbols.items = more;
    scratch->symbols.space = space;
    return 0;
}

int tokens_reserve(struct tokens *tokens, size_t count)
{
    size_t space = tokens->count + count;
    int32_t *more;

    if (space <= tokens->space)
        return 0;
    if (space < tokens->space * 2)
        space = tokens->space * 2;
    more = realloc(tokens->items, space * sizeof(*more));
    if (!more)
        return -ENOMEM;
    tokens->items = more;
    tokens->space = space;
    return 0;
}

struct word *word_slot(struct tokenizer_scratch *scratch, struct str text, uint64_t key[4])
{
    uint64_t hash;

    if (text.len > WORD_BYTES_MAX)
        return NULL;
    key[0] = key[1] = key[2] = key[3] = 0;
    memcpy(key, text.p, text.len);
    key[3] |= (uint64_t)text.len << 56;
    hash = (key[0] ^ key[1] * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    hash = (hash ^ hash >> 32 ^ key[2] ^ key[3] * 0xd6e8feb86659fd93u) * 0x9e3779b97f4a7c15u;
    return &scratch->words[hash >> (64 - WORDS_BITS)];
}

void word_keep(struct word *word, const uint64_t key[4], const struct tokens *tokens, size_t from)
{
    size_t count = tokens->count - from;

    if (count > WORD_IDS_MAX)
        return;
    memcpy(word->text, key, sizeof(word->text));
    for (size_t i = 0; i < count; i++)
        word->ids[i] = tokens->items[from + i];
    word->count = (uint32_t)count;
}
