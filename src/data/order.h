/* data/order - which window comes when: functions of the window's number alone. */
#ifndef DATA_ORDER_H
#define DATA_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Where `index` goes in a permutation of 0 .. count-1 (count > 0, index < count), another for each
 * (seed, pass, which). */
uint64_t order_permute(uint64_t seed, uint64_t pass, uint32_t which, uint64_t count,
                       uint64_t index);

/* A number in 0 .. count-1 of the same key. */
uint64_t order_draw(uint64_t seed, uint64_t pass, uint32_t which, uint64_t count);

/* Whose turn is number n, when sources take turns by weight? The first source gets the turns at
 * which floor((n + 1) s) steps over floor(n s), s being its share of all; the others share what is
 * left by the same rule. So the turns are spread as evenly as can be, and after any n each source
 * has had its part of n to within `count`. */
struct order_share {
    uint64_t share; /* of what the sources before left, times 2^63 */
};

/* weights > 0. */
void order_shares(const double *weights, size_t count, struct order_share *shares);

/* The source, and how many turns it had before (*turn). */
size_t order_source(const struct order_share *shares, size_t count, uint64_t number,
                    uint64_t *turn);

#endif
