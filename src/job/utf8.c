#include "job/utf8.h"

uint32_t utf8_next(const char *text, size_t *bytes)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t more = p[0] < 0x80         ? 0
                  : (p[0] >> 5) == 6  ? 1
                  : (p[0] >> 4) == 14 ? 2
                  : (p[0] >> 3) == 30 ? 3
                                      : SIZE_MAX;
    uint32_t c;

    *bytes = 1;
    if (more == SIZE_MAX)
        return UTF8_BAD;
    c = more ? p[0] & (0x3fu >> more) : p[0];
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return UTF8_BAD;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return UTF8_BAD;
    *bytes = more + 1;
    return c;
}

bool utf8_is(const char *text)
{
    size_t bytes;

    for (; *text; text += bytes)
        if (utf8_next(text, &bytes) == UTF8_BAD)
            return false;
    return true;
}
