/* token/wordcount - how often which word is in a text, for learning pieces.
 *
 * A word is blanks (as U+2581) and the letters or the punctuation behind them; what is user-defined
 * (newlines, tabs, digits) is in none. Characters side by side in a word may become a piece. */
#ifndef TOKEN_WORDCOUNT_H
#define TOKEN_WORDCOUNT_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

#define WORDCOUNT_CHARS_MAX 64                /* longer words are cut */
#define WORDCOUNT_WORDS_MAX ((size_t)8 << 20) /* beyond that the rare ones go */

struct counted {
    uint64_t hash, count;
    size_t begin;
    uint32_t len;
};

/* Zero-initialise. */
struct wordcount {
    VEC(struct counted) words;
    struct buf texts;
    uint32_t *slots; /* index + 1 of a word; 0 is free */
    size_t mask;
    bool digits_apart; /* set by the caller */
    bool failed;       /* there was no memory */
};

void wordcount_done(struct wordcount *count);

/* Add the words of `text`. */
void wordcount_add(struct wordcount *count, struct str text);

/* Add what `more` has counted. Above WORDCOUNT_WORDS_MAX words the rarest are forgotten. */
void wordcount_merge(struct wordcount *count, const struct wordcount *more);

static inline struct str counted_text(const struct wordcount *count, const struct counted *word)
{
    return (struct str){count->texts.p + word->begin, word->len};
}

/* By their bytes, so that the order says nothing of how they were counted. The table is gone. */
void wordcount_sort(struct wordcount *count);

/* Which run of characters may be in one piece. */
enum word_class { WORD_APART, WORD_BLANK, WORD_LETTER, WORD_PUNCTUATION };
enum word_class word_class_of(uint32_t code, bool digits_apart);

#endif
