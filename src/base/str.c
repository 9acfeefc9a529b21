#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool str_ends(struct str s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len && memcmp(s.p + s.len - len, suffix, len) == 0;
}

ptrdiff_t str_find(struct str s, const char *needle)
{
    const char *at = s.len ? memmem(s.p, s.len, needle, strlen(needle)) : NULL;

    return at ? at - s.p : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

struct str str_skip(struct str s, size_t count)
{
    if (count > s.len)
        count = s.len;
    /* An empty slice may have no pointer, to which C does not even let one add 0. */
    return count ? (struct str){s.p + count, s.len - count} : s;
}

bool str_line(struct str *rest, struct str *line)
{
    const char *end;

    if (!rest->len)
        return false;
    end = memchr(rest->p, '\n', rest->len);
    if (!end) {
        *line = *rest;
        *rest = (struct str){rest->p + rest->len, 0};
    } else {
        *line = str_range(rest->p, end);
        *rest = str_skip(*rest, line->len + 1);
    }
    if (line->len && line->p[line->len - 1] == '\r')
        line->len--;
    return true;
}

uint64_t str_lines(struct str text)
{
    uint64_t lines = 0;

    for (struct str line; str_line(&text, &line);)
        lines++;
    return lines;
}

bool str_cut(struct str *rest, char separator, struct str *head)
{
    const char *end;

    if (!rest->len)
        return false;
    end = memchr(rest->p, separator, rest->len);
    if (!end) {
        *head = *rest;
        *rest = (struct str){rest->p + rest->len, 0};
    } else {
        *head = str_range(rest->p, end);
        *rest = str_skip(*rest, head->len + 1);
    }
    return true;
}

bool str_word(struct str *rest, struct str *word)
{
    size_t n = 0;

    while (rest->len && is_blank(rest->p[0]))
        *rest = str_skip(*rest, 1);
    if (!rest->len)
        return false;
    while (n < rest->len && !is_blank(rest->p[n]))
        n++;
    *word = (struct str){rest->p, n};
    *rest = str_skip(*rest, n);
    return true;
}

struct str str_digits(struct str *s, int base)
{
    struct str digits = {s->p, 0};

    while (digits.len < s->len &&
           (base == 16 ? char_hex(s->p[digits.len]) >= 0 : char_is_digit(s->p[digits.len])))
        digits.len++;
    *s = str_skip(*s, digits.len);
    return digits;
}

/* strto* need a NUL: numbers longer than this are no numbers to us. */
#define NUMBER_TEXT_MAX 64

static int number_text(struct str s, char out[NUMBER_TEXT_MAX])
{
    if (!s.len || s.len >= NUMBER_TEXT_MAX || is_blank(s.p[0]))
        return -EINVAL;
    memcpy(out, s.p, s.len);
    out[s.len] = '\0';
    return strlen(out) == s.len ? 0 : -EINVAL;
}

int str_to_i64(struct str s, int base, int64_t *out)
{
    char text[NUMBER_TEXT_MAX], *end;
    long long value;

    if (number_text(s, text) < 0)
        return -EINVAL;
    errno = 0;
    value = strtoll(text, &end, base);
    if (end == text || *end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *out = value;
    return 0;
}

int str_to_u64(struct str s, int base, uint64_t *out)
{
    char text[NUMBER_TEXT_MAX], *end;
    unsigned long long value;

    if (number_text(s, text) < 0 || text[0] == '-' || text[0] == '+')
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, base);
    if (end == text || *end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *out = value;
    return 0;
}

int str_to_double(struct str s, double *out)
{
    char text[NUMBER_TEXT_MAX], *end;
    double value;

    if (number_text(s, text) < 0)
        return -EINVAL;
    errno = 0;
    value = strtod(text, &end);
    if (end == text || *end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *out = value;
    return 0;
}

bool str_glob(const char *pattern, struct str text)
{
    const char *star = NULL;
    size_t at = 0, resume = 0;

    while (at < text.len) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = at;
        } else if (*pattern && (*pattern == '?' || *pattern == text.p[at])) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

bool str_glob_any(const char *patterns, struct str text)
{
    struct str rest = str_of(patterns), word;
    char pattern[STR_GLOB_MAX];

    while (str_word(&rest, &word)) {
        if (word.len >= sizeof(pattern))
            continue;
        memcpy(pattern, word.p, word.len);
        pattern[word.len] = '\0';
        if (str_glob(pattern, text))
            return true;
    }
    return false;
}

void str_keep(char *out, size_t space, struct str text)
{
    size_t len = text.len < space ? text.len : space - 1;

    while (len < text.len && len && ((unsigned char)text.p[len] & 0xc0) == 0x80)
        len--;
    if (len)
        memcpy(out, text.p, len);
    out[len] = '\0';
}

size_t str_distance(struct str a, struct str b)
{
    size_t row[3][STR_WORD_MAX + 1];

    if (a.len > STR_WORD_MAX || b.len > STR_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[a.len % 3][b.len];
}

void buf_done(struct buf *buf)
{
    free(buf->p);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->p)
        buf->p[0] = '\0';
}

static bool buf_reserve(struct buf *buf, size_t more)
{
    size_t space = buf->space ? buf->space : 256;
    char *p;

    if (buf->failed || more > SIZE_MAX / 4 - buf->len) {
        buf->failed = true;
        return false;
    }
    if (buf->len + more + 1 <= buf->space)
        return true;
    while (space < buf->len + more + 1)
        space *= 2;
    p = realloc(buf->p, space);
    if (!p) {
        buf->failed = true;
        return false;
    }
    buf->p = p;
    buf->space = space;
    return true;
}

void buf_add(struct buf *buf, const char *text, size_t len)
{
    if (!buf_reserve(buf, len))
        return;
    if (len)
        memcpy(buf->p + buf->len, text, len);
    buf->len += len;
    buf->p[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_put_quoted(struct buf *buf, const char *word)
{
    buf_puts(buf, "'");
    for (; *word; word++)
        if (*word == '\'')
            buf_puts(buf, "'\\''");
        else
            buf_add(buf, word, 1);
    buf_puts(buf, "'");
}

void buf_put_word(struct buf *buf, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";

    if (*word && !word[strspn(word, plain)])
        buf_puts(buf, word);
    else
        buf_put_quoted(buf, word);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_reserve(buf, (size_t)len))
        return;
    va_start(args, format);
    (void)vsnprintf(buf->p + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_wrap(struct buf *buf, const char *text, size_t at, size_t indent, size_t width)
{
    bool first = true; /* word of its line */

    while (*(text += strspn(text, " "))) {
        size_t len = strcspn(text, " ");

        if (!first && at + 1 + len > width) {
            buf_printf(buf, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        buf_printf(buf, "%s%.*s", first ? "" : " ", (int)len, text);
        at += len + !first;
        first = false;
        text += len;
    }
    buf_puts(buf, "\n");
}
