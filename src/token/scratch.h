/* token/scratch - what a thread keeps between texts; for the room's own files. */
#ifndef TOKEN_SCRATCH_H
#define TOKEN_SCRATCH_H

#include "token/model.h"

/* Words are remembered with their tokens: 4 MiB. */
#define WORDS_BITS     16
#define WORD_BYTES_MAX 31
#define WORD_IDS_MAX   7

/* One line of the processor's cache. */
struct word {
    uint64_t text[4]; /* filled up with zeros; the last byte is the length, 0 in a free one */
    int32_t ids[WORD_IDS_MAX];
    uint32_t count;
};

struct tokenizer_scratch {
    uint64_t serial; /* whose words these are */
    struct word *words;
    struct buf normalized;
    VEC(int32_t) symbols;
    struct bpe_work work;
    struct bpe_halves *halves;
    size_t halves_space;
};

/* Room for `count` symbols. Returns 0 or -ENOMEM. */
int scratch_symbols(struct tokenizer_scratch *scratch, size_t count);

/* Room for `count` more. Returns 0 or -ENOMEM. */
int tokens_reserve(struct tokens *tokens, size_t count);

/* The tokens of one tiktoken piece of text. */
int tiktoken_encode(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                    struct str text, struct tokens *out);

/* Where a word is remembered, and how it looks there. NULL: it is too long. */
struct word *word_slot(struct tokenizer_scratch *scratch, struct str text, uint64_t key[4]);

static inline bool word_is(const struct word *word, const uint64_t key[4])
{
    return word->text[0] == key[0] && word->text[1] == key[1] && word->text[2] == key[2] &&
           word->text[3] == key[3];
}

/* Remember the tokens from `from` on, when they are few. */
void word_keep(struct word *word, const uint64_t key[4], const struct tokens *tokens, size_t from);

#endif
