/* token/utf8 - one character at a time. */
#ifndef TOKEN_UTF8_H
#define TOKEN_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* U+2581, which stands for a blank in SentencePiece's pieces, and what a wrong byte becomes. */
#define UTF8_BLANK       "\xe2\x96\x81"
#define UTF8_REPLACEMENT "\xef\xbf\xbd"
#define UTF8_CODES       0x110000

/* Bytes of the character at p, which has `left` > 0 bytes; *code: its code point. 0: no character
 * (cut off, overlong, a surrogate or beyond U+10FFFF). */
static inline size_t utf8_decode(const char *text, size_t left, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)text;

    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (left >= 2 && (p[0] & 0xe0) == 0xc0 && (p[1] & 0xc0) == 0x80) {
        *code = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return *code >= 0x80 ? 2 : 0;
    }
    if (left >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *code = (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return *code >= 0x800 && (*code < 0xd800 || *code > 0xdfff) ? 3 : 0;
    }
    if (left >= 4 && (p[0] & 0xf8) == 0xf0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        (p[3] & 0xc0) == 0x80) {
        *code = (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
                (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
        return *code >= 0x10000 && *code < UTF8_CODES ? 4 : 0;
    }
    return 0;
}

/* Writes the character and returns its bytes. */
static inline size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

#endif
