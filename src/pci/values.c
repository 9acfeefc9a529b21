#include "pci/registers.h"

#include <stdio.h>

int64_t speed_parse(struct str text)
{
    ptrdiff_t unit = str_find(text, "GT/s");
    int64_t mts = 0, scale = 1000;
    bool dot = false;

    if (unit <= 0 || unit > 8)
        return -1;
    for (ptrdiff_t i = 0; i < unit; i++) {
        char c = text.p[i];

        if (c == '.' && !dot && i > 0) {
            dot = true;
        } else if (char_is_digit(c)) {
            if (dot)
                scale /= 10;
            mts = mts * 10 + (c - '0');
        } else {
            return -1;
        }
    }
    return mts * scale;
}

int64_t width_parse(struct str text)
{
    int64_t lanes;

    if (text.len < 2 || text.p[0] != 'x' || str_to_i64(str_skip(text, 1), 10, &lanes) < 0)
        return -1;
    return lanes;
}

int64_t size_parse(struct str text)
{
    static const char units[] = "KMGTPE";
    struct str digits = str_digits(&text, 10);
    const char *unit;
    int64_t size;
    int shift;

    if (str_to_i64(digits, 10, &size) < 0)
        return -1;
    if (str_ends(text, "B"))
        text.len--;
    if (!text.len)
        return size;
    unit = text.len == 1 ? memchr(units, text.p[0], sizeof(units) - 1) : NULL;
    if (!unit)
        return -1;
    shift = 10 * (int)(unit - units + 1);
    return size > INT64_MAX >> shift ? -1 : size << shift;
}

struct str size_print(uint64_t bytes, char out[SIZE_TEXT_MAX])
{
    static const char units[] = {0, 'K', 'M', 'G', 'T'};
    size_t unit = 0;
    int len;

    while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof(units)) {
        bytes /= 1024;
        unit++;
    }
    len = snprintf(out, SIZE_TEXT_MAX, "%llu%c", (unsigned long long)bytes, units[unit]);
    return (struct str){out, (size_t)len - (unit == 0)};
}
