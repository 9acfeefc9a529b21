/* token/split - see split.h. */
#include "token/split.h"

#include "token/unicode.h"
#include "token/utf8.h"

#define NUMBERS_MAX 3

struct seen {
    enum unicode_kind kind;
    uint32_t code;
    size_t len; /* 0: the text ends here */
};

static struct seen look(struct str text, size_t at)
{
    struct seen seen = {.kind = UNICODE_OTHER};

    if (at >= text.len)
        return seen;
    seen.len = utf8_decode(text.p + at, text.len - at, &seen.code);
    if (!seen.len)
        return (struct seen){UNICODE_OTHER, UTF8_CODES, 1};
    if (seen.code < 0x80) {
        uint32_t lower = seen.code | 0x20;

        if (lower >= 'a' && lower <= 'z')
            seen.kind = UNICODE_LETTER;
        else if (char_is_digit((char)seen.code))
            seen.kind = UNICODE_NUMBER;
        else if (seen.code == ' ' || (seen.code >= '\t' && seen.code <= '\r'))
            seen.kind = UNICODE_BLANK;
    } else {
        seen.kind = unicode_kind_of(seen.code);
    }
    return seen;
}

static bool is_newline(struct seen seen)
{
    return seen.len && (seen.code == '\n' || seen.code == '\r');
}

/* Where a run of at most `count_max` of one kind ends. */
static size_t run(struct str text, size_t at, enum unicode_kind kind, size_t count_max)
{
    for (size_t i = 0; i < count_max; i++) {
        struct seen seen = look(text, at);

        if (!seen.len || seen.kind != kind)
            break;
        at += seen.len;
    }
    return at;
}

/* U+017F is an s to those who ignore case. */
static size_t contraction(struct str text)
{
    static const char *const ends[] = {"s", "t", "re", "ve", "m", "ll", "d", "\xc5\xbf"};

    for (size_t i = 0; text.p[0] == '\'' && i < ARRAY_LEN(ends); i++) {
        size_t len = strlen(ends[i]), same = 0;

        while (same < len && same + 1 < text.len) {
            char c = text.p[same + 1];

            if (c >= 'A' && c <= 'Z')
                c = (char)(c | 0x20);
            if (c != ends[i][same])
                break;
            same++;
        }
        if (same == len)
            return 1 + len;
    }
    return 0;
}

/* Up to the last newline; else all, but a blank for the word behind when there is one. */
static size_t blanks(struct str text)
{
    size_t at = 0, last_begin = 0, newline_end = 0;
    struct seen seen;

    for (; (seen = look(text, at)).len && seen.kind == UNICODE_BLANK; at += seen.len) {
        last_begin = at;
        if (is_newline(seen))
            newline_end = at + seen.len;
    }
    if (newline_end)
        return newline_end;
    return at < text.len && last_begin ? last_begin : at;
}

size_t split_word(struct str text)
{
    struct seen first = look(text, 0), second = look(text, first.len);
    size_t at = contraction(text);

    if (at)
        return at;
    if (first.kind == UNICODE_LETTER)
        return run(text, 0, UNICODE_LETTER, SIZE_MAX);
    if (second.kind == UNICODE_LETTER && first.kind != UNICODE_NUMBER && !is_newline(first))
        return run(text, first.len, UNICODE_LETTER, SIZE_MAX);
    if (first.kind == UNICODE_NUMBER)
        return run(text, 0, UNICODE_NUMBER, NUMBERS_MAX);
    at = first.code == ' ' ? 1 : 0;
    if (look(text, at).len && look(text, at).kind == UNICODE_OTHER) {
        at = run(text, at, UNICODE_OTHER, SIZE_MAX);
        while (is_newline(look(text, at)))
            at++;
        return at;
    }
    return blanks(text);
}
