#!/usr/bin/env python3
"""Prints src/token/unicode.c: which characters are letters, numbers or blanks."""
import unicodedata

BLANKS = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def kind(code):
    if code in BLANKS:
        return "UNICODE_BLANK"
    return {"L": "UNICODE_LETTER", "N": "UNICODE_NUMBER"}.get(unicodedata.category(chr(code))[0])


ranges, last = [], None
for code in range(0x110000):
    now = kind(code)
    if now and now == last:
        ranges[-1][1] = code
    elif now:
        ranges.append([code, code, now])
    last = now

print(f"""/* Made by src/token/unicode.py from Unicode {unicodedata.unidata_version}; see unicode.h. */
#include "token/unicode.h"

static const struct range {{
    uint32_t first, last : 24, kind : 8;
}} ranges[] = {{""")
for first, end, what in ranges:
    print(f"    {{0x{first:04x}, 0x{end:04x}, {what}}},")
print("""};

enum unicode_kind unicode_kind_of(uint32_t code)
{
    size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof(ranges) / sizeof(ranges[0]) && ranges[low].first <= code
               ? (enum unicode_kind)ranges[low].kind
               : UNICODE_OTHER;
}""")
