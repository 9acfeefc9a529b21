#include "data/order.h"

#include "tensor/random.h"

#include <math.h>

/* A Feistel network over pairs (a, b) with a, b < side, side^2 >= count; what falls outside is sent
 * through again (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). As side^2 is at
 * most count + 2 side, that is rare. */
enum { ROUNDS = 8, DRAW = ROUNDS /* a number that is no round */ };

/* 0 .. below-1; `value` is below 2^48. */
static uint64_t below(uint64_t seed, uint64_t pass, uint32_t which, unsigned use, uint64_t value,
                      uint64_t limit)
{
    uint32_t words[4];

    random_block(seed, (uint32_t)pass, RANDOM_SHUFFLE,
                 (uint64_t)which << 56 | (uint64_t)use << 48 | value, words);
    return (uint64_t)((unsigned __int128)((uint64_t)words[0] << 32 | words[1]) * limit >> 64);
}

static uint64_t side_of(uint64_t count)
{
    uint64_t side = (uint64_t)sqrt((double)count);

    while ((unsigned __int128)side * side < count)
        side++;
    return side;
}

uint64_t order_permute(uint64_t seed, uint64_t pass, uint32_t which, uint64_t count, uint64_t index)
{
    uint64_t side = side_of(count);

    do {
        uint64_t a = index / side, b = index % side;

        for (unsigned round = 0; round < ROUNDS; round++) {
            uint64_t next = (a + below(seed, pass, which, round, b, side)) % side;

            a = b;
            b = next;
        }
        index = a * side + b;
    } while (index >= count);
    return index;
}

uint64_t order_draw(uint64_t seed, uint64_t pass, uint32_t which, uint64_t count)
{
    return below(seed, pass, which, DRAW, 0, count);
}

void order_shares(const double *weights, size_t count, struct order_share *shares)
{
    double rest = 0;

    for (size_t i = count; i-- > 0;) {
        rest += weights[i];
        shares[i].share = (uint64_t)(weights[i] / rest * 0x1.0p63);
    }
}

static uint64_t turns(uint64_t number, uint64_t share)
{
    return (uint64_t)((unsigned __int128)number * share >> 63);
}

size_t order_source(const struct order_share *shares, size_t count, uint64_t number, uint64_t *turn)
{
    for (size_t i = 0;; i++) {
        uint64_t had = turns(number, shares[i].share);

        if (i + 1 == count || turns(number + 1, shares[i].share) > had) {
            *turn = i + 1 == count ? number : had;
            return i;
        }
        number -= had;
    }
}
