/* base/base64 - see base64.h. */
#include "base/base64.h"

#include <errno.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                     (left > 2 ? (unsigned)p[i + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                        left > 2 ? digits[v & 63] : '='};

        buf_add(out, four, 4);
    }
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct buf *out, struct str text)
{
    if (text.len % 4)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i += 4) {
        const char *p = text.p + i;
        bool last = i + 4 == text.len;
        int pad = last && p[3] == '=' ? p[2] == '=' ? 2 : 1 : 0;
        int a = value_of(p[0]), b = value_of(p[1]), c = pad == 2 ? 0 : value_of(p[2]),
            d = pad ? 0 : value_of(p[3]);
        unsigned v;
        char three[3];

        if (a < 0 || b < 0 || c < 0 || d < 0)
            return -EINVAL;
        v = (unsigned)a << 18 | (unsigned)b << 12 | (unsigned)c << 6 | (unsigned)d;
        three[0] = (char)(v >> 16);
        three[1] = (char)(v >> 8);
        three[2] = (char)v;
        buf_add(out, three, (size_t)(3 - pad));
    }
    return 0;
}
