#include "data/valid.h"

/* Bytes of the code point that begins at p, of which `left` are there; 0: none does. */
static size_t code_point(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char least, most; /* of the second */
        size_t bytes;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    if (p[0] < 0x80)
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (p[0] < rows[i].first || p[0] > rows[i].last)
            continue;
        if (left < rows[i].bytes || p[1] < rows[i].least || p[1] > rows[i].most)
            return 0;
        for (size_t k = 2; k < rows[i].bytes; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].bytes;
    }
    return 0;
}

size_t valid_prefix(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t at = 0;

    while (at < text.len) {
        uint64_t word;
        size_t bytes;

        if (text.len - at >= sizeof(word)) { /* eight bytes of ASCII at once */
            memcpy(&word, p + at, sizeof(word));
            if (!(word & 0x8080808080808080u)) {
                at += sizeof(word);
                continue;
            }
        }
        bytes = code_point(p + at, text.len - at);
        if (!bytes)
            return at;
        at += bytes;
    }
    return at;
}
