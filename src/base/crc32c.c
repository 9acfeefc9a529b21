#include "base/crc32c.h"

#include <immintrin.h>
#include <string.h>

uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t len)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                       0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                       0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const unsigned char *p = bytes;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

#define BY_INSTRUCTION __attribute__((target("sse4.2,pclmul")))

/* The instruction takes 8 bytes a cycle but gives its result after three: three lanes of the text
 * are summed side by side, then joined. A lane is `words` words of 8 bytes. */
static const struct lane {
    size_t words;
    uint32_t over_one, over_two; /* x^(8 n - 33) mod P, bits reversed, n: bytes of 1 or 2 lanes */
} lanes[] = {
    {256, 0xa51b6135, 0x82f89c77},
    {16, 0x0d3b6092, 0xb9e02b86},
};

static inline uint64_t word_at(const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* The sum after n more bytes of zeros: times x^(8 n). The instruction multiplies by x^32 itself,
 * and the product of two words with their bits reversed lies one bit low: hence n's 33. */
BY_INSTRUCTION static inline uint64_t shift(uint64_t crc, uint32_t over)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi64_si128(over), 0);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

BY_INSTRUCTION static uint64_t three_lanes(uint64_t a, const unsigned char *p,
                                           const struct lane *lane)
{
    size_t bytes = lane->words * 8;
    uint64_t b = 0, c = 0;

    for (size_t i = 0; i < bytes; i += 8) {
        a = _mm_crc32_u64(a, word_at(p + i));
        b = _mm_crc32_u64(b, word_at(p + bytes + i));
        c = _mm_crc32_u64(c, word_at(p + 2 * bytes + i));
    }
    return shift(a, lane->over_two) ^ shift(b, lane->over_one) ^ c;
}

BY_INSTRUCTION static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t sum = (uint32_t)~crc;

    for (size_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
        for (size_t bytes = 3 * 8 * lanes[i].words; len >= bytes; p += bytes, len -= bytes)
            sum = three_lanes(sum, p, &lanes[i]);
    for (; len >= 8; p += 8, len -= 8)
        sum = _mm_crc32_u64(sum, word_at(p));
    for (; len; p++, len--)
        sum = _mm_crc32_u8((uint32_t)sum, *p);
    return ~(uint32_t)sum;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        return by_instruction(crc, bytes, len);
    return crc32c_by_table(crc, bytes, len);
}
