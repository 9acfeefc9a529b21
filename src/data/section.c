#include "data/section.h"

#include "base/hash.h"

/* Is p[-1] the end of a character that is surely no white space and no U+2581? Of those that are
 * not ASCII whole blocks count as white space, to be brief. */
static bool is_behind_a_word(const unsigned char *p, size_t before)
{
    if (p[-1] < 0x80)
        return p[-1] > 0x20 && p[-1] < 0x7f;
    if (before < 3 || p[-2] == 0xc2) /* U+0085, U+00A0 */
        return false;
    return !((p[-3] == 0xe1 && p[-2] == 0x9a) || /* U+1680 */
             (p[-3] == 0xe2 && (p[-2] == 0x80 || p[-2] == 0x81 || p[-2] == 0x96)) ||
             (p[-3] == 0xe3 && p[-2] == 0x80)); /* U+3000 */
}

size_t section_bytes(struct str text, bool whole)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t last = text.len < SECTION_CUT_AT_LAST ? text.len : SECTION_CUT_AT_LAST;

    for (size_t at = SECTION_CUT_AFTER; at < last; at++)
        if (p[at] == ' ' && is_behind_a_word(p + at, at))
            return at;
    if (text.len <= SECTION_CUT_AT_LAST)
        return whole ? text.len : 0;
    for (size_t back = 0; back < 4; back++)
        if ((p[last - back] & 0xc0) != 0x80)
            return last - back;
    return last; /* no UTF-8 */
}

struct str section_body(struct str section, bool first, bool adds_blank)
{
    return !first && adds_blank && str_starts(section, " ") ? str_skip(section, 1) : section;
}

bool section_is_held_out(const char *name, uint64_t ordinal, double part)
{
    double phase = (double)(hash64(name, strlen(name)) >> 11) * 0x1.0p-53;

    return (uint64_t)((double)(ordinal + 1) * part + phase) >
           (uint64_t)((double)ordinal * part + phase);
}
