#include "data/jsonl.h"

#include <errno.h>

struct scan {
    const char *begin, *p, *end;
    struct err *err;
};

static int wrong(struct scan *s, const char *what)
{
    return err_set(s->err, -EINVAL, "column %zu: %s", (size_t)(s->p - s->begin) + 1, what);
}

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\n'))
        s->p++;
}

static bool take(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int hex4(struct scan *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = s->p < s->end ? char_hex(*s->p) : -1;

        if (digit < 0)
            return wrong(s, "\\u without four hexadecimal digits");
        *out = *out << 4 | (uint32_t)digit;
        s->p++;
    }
    return 0;
}

static void put_code_point(struct buf *out, uint32_t c)
{
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(first[len] | c);
    buf_add(out, bytes, len);
}

/* Behind "\u". */
static int take_unicode(struct scan *s, struct buf *out)
{
    uint32_t c, low;
    int r = hex4(s, &c);

    if (r < 0)
        return r;
    if (c >= 0xdc00 && c < 0xe000)
        return wrong(s, "half of a surrogate pair");
    if (c >= 0xd800 && c < 0xdc00) {
        if (!take(s, '\\') || !take(s, 'u'))
            return wrong(s, "half of a surrogate pair");
        r = hex4(s, &low);
        if (r < 0)
            return r;
        if (low < 0xdc00 || low >= 0xe000)
            return wrong(s, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (out)
        put_code_point(out, c);
    return 0;
}

static int take_escape(struct scan *s, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (take(s, 'u'))
        return take_unicode(s, out);
    at = s->p < s->end && *s->p ? strchr(from, *s->p) : NULL;
    if (!at)
        return wrong(s, "a backslash before something that it doesn't go with");
    s->p++;
    if (out)
        buf_add(out, &to[at - from], 1);
    return 0;
}

/* A string, at its first quote; added to *out, which may be NULL. */
static int take_string(struct scan *s, struct buf *out)
{
    if (!take(s, '"'))
        return wrong(s, "a string was expected");
    for (;;) {
        const char *run = s->p;
        int r;

        while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (unsigned char)*s->p >= 0x20)
            s->p++;
        if (out)
            buf_add(out, run, (size_t)(s->p - run));
        if (s->p == s->end)
            return wrong(s, "a string without its end");
        if (take(s, '"'))
            return 0;
        if (!take(s, '\\'))
            return wrong(s, "a control character in a string");
        r = take_escape(s, out);
        if (r < 0)
            return r;
    }
}

static bool take_digits(struct scan *s)
{
    const char *run = s->p;

    while (s->p < s->end && char_is_digit(*s->p))
        s->p++;
    return s->p > run;
}

static int take_number(struct scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return wrong(s, "a value was expected");
    if (take(s, '.') && !take_digits(s))
        return wrong(s, "a number without digits behind its point");
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        if (!take_digits(s))
            return wrong(s, "a number without digits in its exponent");
    }
    return 0;
}

static bool take_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return false;
    s->p += len;
    return true;
}

static int take_value(struct scan *s, unsigned depth);

static int take_array(struct scan *s, unsigned depth)
{
    skip_blanks(s);
    if (take(s, ']'))
        return 0;
    for (;;) {
        int r = take_value(s, depth);

        if (r < 0)
            return r;
        skip_blanks(s);
        if (take(s, ']'))
            return 0;
        if (!take(s, ','))
            return wrong(s, "',' or ']' was expected");
    }
}

/* What to look for in the outermost object. */
struct wanted {
    const char *key;
    struct buf name, *text;
    bool found, is_text;
};

static int take_member(struct scan *s, unsigned depth, struct wanted *wanted)
{
    int r;

    skip_blanks(s);
    if (wanted)
        buf_clear(&wanted->name);
    r = take_string(s, wanted ? &wanted->name : NULL);
    if (r < 0)
        return r;
    skip_blanks(s);
    if (!take(s, ':'))
        return wrong(s, "':' was expected");
    skip_blanks(s);
    if (!wanted || wanted->name.failed ||
        !str_is((struct str){wanted->name.p, wanted->name.len}, wanted->key))
        return take_value(s, depth);
    wanted->found = true;
    wanted->is_text = s->p < s->end && *s->p == '"';
    buf_clear(wanted->text);
    return wanted->is_text ? take_string(s, wanted->text) : take_value(s, depth);
}

static int take_object(struct scan *s, unsigned depth, struct wanted *wanted)
{
    skip_blanks(s);
    if (take(s, '}'))
        return 0;
    for (;;) {
        int r = take_member(s, depth, wanted);

        if (r < 0)
            return r;
        skip_blanks(s);
        if (take(s, '}'))
            return 0;
        if (!take(s, ','))
            return wrong(s, "',' or '}' was expected");
    }
}

static int take_value(struct scan *s, unsigned depth)
{
    skip_blanks(s);
    if (s->p < s->end && *s->p == '"')
        return take_string(s, NULL);
    if (s->p < s->end && (*s->p == '[' || *s->p == '{')) {
        if (depth == JSONL_DEPTH_MAX)
            return wrong(s, "arrays and objects are nested too deep");
        return *s->p++ == '[' ? take_array(s, depth + 1) : take_object(s, depth + 1, NULL);
    }
    if (take_word(s, "true") || take_word(s, "false") || take_word(s, "null"))
        return 0;
    return take_number(s);
}

int jsonl_text(struct str line, const char *key, struct buf *text, struct err *err)
{
    struct scan s = {line.p, line.p, line.p + line.len, err};
    struct wanted wanted = {.key = key, .text = text};
    int r;

    buf_clear(text);
    skip_blanks(&s);
    r = take(&s, '{') ? take_object(&s, 1, &wanted) : wrong(&s, "a JSON object was expected");
    skip_blanks(&s);
    if (r == 0 && s.p < s.end)
        r = wrong(&s, "more than one value in a line");
    if (r == 0 && (wanted.name.failed || text->failed))
        r = err_set(err, -ENOMEM, "no memory for its text");
    else if (r == 0 && !wanted.found)
        r = err_set(err, -EINVAL, "no key \"%s\"", key);
    else if (r == 0 && !wanted.is_text)
        r = err_set(err, -EINVAL, "\"%s\" is not a string", key);
    buf_done(&wanted.name);
    return r;
}
