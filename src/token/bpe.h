/* token/bpe - byte pair encoding: neighbouring symbols are merged, the best pair first.
 *
 * A symbol is a number; what text it stands for is the caller's business. Of two pairs that rank
 * equal the left one goes first. */
#ifndef TOKEN_BPE_H
#define TOKEN_BPE_H

#include "base/vec.h"

#include <stdbool.h>

#define BPE_MERGES_MAX  ((size_t)1 << 26)
#define BPE_SYMBOLS_MAX ((size_t)1 << 30) /* in one text */

struct bpe_rule {
    int32_t left, right, merged; /* left -1: a free slot */
    uint32_t rank;               /* 0 is the best */
};

struct bpe_list {
    struct bpe_rule *items;
    size_t count, space;
}; /* as VEC(struct bpe_rule) */

struct bpe_rules {
    struct bpe_rule *slots;
    size_t mask, count, shift;
};

/* What a thread needs. Zero-initialise. */
struct bpe_work {
    struct {
        uint32_t before, after;
        int32_t merged; /* what this and the next would become; -1: nothing */
    } * links;
    size_t links_space;
    VEC(struct bpe_candidate {
        uint64_t order; /* rank, then place */
        int32_t merged;
    })
    heap;
};

/* By which pair a symbol was last thought of; the caller makes it as long as there are symbols. */
struct bpe_halves {
    int32_t left, right;
};

/* Rules are collected first (zero-initialise; vec_done), then put where they are found fast: of two
 * for the same pair the last one counts. Both return 0 or -ENOMEM, and adding -EFBIG behind
 * BPE_MERGES_MAX. */
int bpe_list_add(struct bpe_list *list, struct bpe_rule rule);
int bpe_rules_init(struct bpe_rules *rules, const struct bpe_list *list);
void bpe_rules_done(struct bpe_rules *rules);
void bpe_work_done(struct bpe_work *work);

/* Merge symbols[0 .. *count) in place until no rule applies. Symbols that no rule knows stay.
 * `halves` may be NULL; else each pair that was a candidate is noted under what it would become,
 * the last one wins. Returns 0 or -ENOMEM. */
int bpe_merge(const struct bpe_rules *rules, struct bpe_work *work, int32_t *symbols, size_t *count,
              struct bpe_halves *halves);

#endif
