/* base/str - slices of text that somebody else owns, and a buffer that grows. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* A slice: not NUL-terminated, owned by whoever holds the text. Print with "%.*s", STR_ARG(s). */
struct str {
    const char *p;
    size_t len;
};

#define STR(literal)   ((struct str){(literal), sizeof(literal) - 1})
#define STR_ARG(slice) (int)(slice).len, (slice).p

static inline struct str str_of(const char *text)
{
    return (struct str){text, strlen(text)};
}

static inline struct str str_range(const char *begin, const char *end)
{
    return (struct str){begin, (size_t)(end - begin)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_of(text));
}

/* ASCII, whatever the locale says. The value of a hexadecimal digit, or -1. */
static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline int char_hex(char c)
{
    char lower = (char)(c | 0x20);

    return char_is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Here, so that with a literal it is a length and a few bytes compared in place: parsers of lines
 * try dozens of them on each. */
static inline bool str_starts(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && memcmp(s.p, prefix, len) == 0;
}

bool str_ends(struct str s, const char *suffix);

/* Index of `needle` in `s`, or -1. */
ptrdiff_t str_find(struct str s, const char *needle);

/* Without blanks, tabs, CR and newlines at both ends. */
struct str str_trim(struct str s);

/* Drop the first `count` bytes (all when there are fewer). */
struct str str_skip(struct str s, size_t count);

/* Cut the next line off *rest: the text without its newline and one CR before it.
 * Returns false when nothing is left. */
bool str_line(struct str *rest, struct str *line);
/* How many lines it has; the last one may have no end. */
uint64_t str_lines(struct str text);

/* Cut at the first `separator`; the whole when there is none. False when *rest was empty. */
bool str_cut(struct str *rest, char separator, struct str *head);

/* Cut the next word (blanks and tabs separate). False when there is none. */
bool str_word(struct str *rest, struct str *word);

/* Cut the digits (of base 10 or 16) that *s starts with; empty when there are none. */
struct str str_digits(struct str *s, int base);

/* Whole of `s` as a number; base 0 takes 0x. Returns 0 or -EINVAL, -ERANGE. */
int str_to_i64(struct str s, int base, int64_t *out);
int str_to_u64(struct str s, int base, uint64_t *out);
int str_to_double(struct str s, double *out);

/* Does `text` match `pattern`, where '*' stands for any run (also empty) and '?' for one byte? */
bool str_glob(const char *pattern, struct str text);

/* Is it matched by one of these patterns, which blanks part: "*.dmesg* kern.log*"? Patterns of
 * STR_GLOB_MAX bytes and more match nothing. */
#define STR_GLOB_MAX 64
bool str_glob_any(const char *patterns, struct str text);

/* How many letters one has to change, add, drop or swap with the next to make b of a (Damerau and
 * Levenshtein, each swap once); words longer than STR_WORD_MAX are SIZE_MAX from all. */
#define STR_WORD_MAX 64
size_t str_distance(struct str a, struct str b);

/* As much of `text` as there is room for, with a NUL; no letter of UTF-8 is cut. */
void str_keep(char *out, size_t space, struct str text);

/* A growing text buffer. Zero-initialise; buf_done frees. After a failed allocation `failed` is
 * set, further calls do nothing, and `p` stays NUL-terminated or NULL. */
struct buf {
    char *p;
    size_t len, space;
    bool failed;
};

void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const char *text, size_t len);
void buf_puts(struct buf *buf, const char *text);
/* A word for sh, in single quotes whatever is in it. */
void buf_put_quoted(struct buf *buf, const char *word);
/* The same for people to read: in quotes only where a shell would take it for something else. */
void buf_put_word(struct buf *buf, const char *word);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Add a line that has `at` columns already: the words of `text`, on as many lines of at most
 * `width` columns as it takes; the later ones begin with `indent` spaces. A word is never cut. */
void buf_wrap(struct buf *buf, const char *text, size_t at, size_t indent, size_t width);

#endif
