#include "progress/numbers.h"

#include <math.h>
#include <stdlib.h>

#define COUNT_DIGITS_MAX 18 /* fits int64_t */
#define REAL_BYTES_MAX   40

size_t number_cut_blanks(struct str *rest)
{
    size_t n = 0;

    while (n < rest->len && (rest->p[n] == ' ' || rest->p[n] == '\t'))
        n++;
    *rest = str_skip(*rest, n);
    return n;
}

/* ",200" of "1,200" (Python's {:,}), but not ", 200" or ",2000". */
static bool is_group(struct str rest)
{
    return rest.len >= 4 && rest.p[0] == ',' && char_is_digit(rest.p[1]) &&
           char_is_digit(rest.p[2]) && char_is_digit(rest.p[3]) &&
           (rest.len == 4 || !char_is_digit(rest.p[4]));
}

static bool is_letter(char c)
{
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/* May a whole number end here? */
static bool is_count_end(struct str rest)
{
    if (rest.len == 0)
        return true;
    if (rest.p[0] == '.')
        return rest.len == 1 || !char_is_digit(rest.p[1]);
    return !is_letter(rest.p[0]) && rest.p[0] != '%';
}

bool number_cut_count(struct str *rest, int64_t *out)
{
    struct str at = *rest;
    int64_t value = 0;
    size_t digits = 0;

    while (at.len > 0 && (char_is_digit(at.p[0]) || (digits > 0 && is_group(at)))) {
        if (char_is_digit(at.p[0])) {
            if (++digits > COUNT_DIGITS_MAX)
                return false;
            value = value * 10 + (at.p[0] - '0');
        }
        at = str_skip(at, 1);
    }
    if (digits == 0 || !is_count_end(at))
        return false;
    *rest = at;
    *out = value;
    return true;
}

static bool cut_word(struct str *rest, const char *word)
{
    size_t len = strlen(word);

    if (!str_starts(*rest, word) || (rest->len > len && is_letter(rest->p[len])))
        return false;
    *rest = str_skip(*rest, len);
    return true;
}

static size_t digits_at(struct str text, size_t at)
{
    size_t n = 0;

    while (at + n < text.len && char_is_digit(text.p[at + n]))
        n++;
    return n;
}

bool number_cut_real(struct str *rest, double *out)
{
    size_t sign = rest->len > 0 && (rest->p[0] == '-' || rest->p[0] == '+');
    struct str at = str_skip(*rest, sign);
    size_t whole = digits_at(at, 0), len = whole, fraction = 0;
    char text[REAL_BYTES_MAX];

    if (cut_word(&at, "nan") || cut_word(&at, "inf")) {
        *out = at.p[-1] == 'n' ? NAN : rest->p[0] == '-' ? -INFINITY : INFINITY;
        *rest = at;
        return true;
    }
    if (len < at.len && at.p[len] == '.') {
        fraction = digits_at(at, len + 1);
        len += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (len < at.len && (at.p[len] | 0x20) == 'e') {
        size_t mark = len + 1 < at.len && (at.p[len + 1] == '-' || at.p[len + 1] == '+');
        size_t digits = digits_at(at, len + 1 + mark);

        len += digits > 0 ? 1 + mark + digits : 0;
    }
    if (sign + len >= sizeof(text))
        return false;
    memcpy(text, rest->p, sign + len);
    text[sign + len] = '\0';
    *out = strtod(text, NULL);
    *rest = str_skip(at, len);
    return true;
}
