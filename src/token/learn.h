/* token/learn - which neighbouring symbols to merge, by how often they are side by side.
 *
 * The pair that is there most often becomes a symbol, and so on. Of equal counts the pair goes
 * first whose symbols are older (left, then right). */
#ifndef TOKEN_LEARN_H
#define TOKEN_LEARN_H

#include "base/str.h"
#include "base/vec.h"

enum { LEARN_ENOUGH = 1 }; /* what learn_merge says when no pair is left */

struct learn_symbol {
    struct str text; /* of a merged one: in `texts` */
    uint32_t chars;
    bool blanks; /* nothing but U+2581 */
    bool begins; /* begins with U+2581 */
};

struct learn;

/* At most so many characters in a symbol. NULL: no memory. */
struct learn *learn_new(uint32_t chars_max);
void learn_free(struct learn *learn);

/* Add a symbol, or a word of symbols that is there `count` times. Words come after the symbols.
 * Return the symbol (or 0), or -ENOMEM. */
int32_t learn_add_symbol(struct learn *learn, struct str text, bool blank);
int learn_add_word(struct learn *learn, const int32_t *symbols, size_t count, uint64_t times);

/* Merge the best pair. *text: of the new symbol, until learn_free. Returns 0, LEARN_ENOUGH or
 * -ENOMEM. */
int learn_merge(struct learn *learn, struct str *text);

#endif
