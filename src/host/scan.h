/* host/scan - the small steps that the line parsers of this room share. */
#ifndef HOST_SCAN_H
#define HOST_SCAN_H

#include "base/str.h"

/* A key or a name that is longer than this is no key: it is skipped, so that a broken text can't
 * fill the pool with nonsense. */
#define SCAN_NAME_MAX 128

/* Lines of a text with their numbers, from 1. */
struct scan {
    struct str rest;
    struct str line;
    uint32_t number;
};

static inline bool scan_next(struct scan *scan)
{
    if (!str_line(&scan->rest, &scan->line))
        return false;
    scan->number++;
    return true;
}

/* Blanks in front of the line; a tab counts four. */
static inline unsigned scan_indent(struct str line)
{
    unsigned indent = 0;

    for (size_t i = 0; i < line.len; i++) {
        if (line.p[i] == '\t')
            indent += 4;
        else if (line.p[i] == ' ')
            indent++;
        else
            break;
    }
    return indent;
}

/* "Key : value" at the first colon, both without blanks. False without a colon, without a key, and
 * when the key is longer than SCAN_NAME_MAX. */
static inline bool scan_pair(struct str line, struct str *key, struct str *value)
{
    const char *colon = line.len ? memchr(line.p, ':', line.len) : NULL;

    if (!colon)
        return false;
    *key = str_trim(str_range(line.p, colon));
    *value = str_trim(str_range(colon + 1, line.p + line.len));
    return key->len > 0 && key->len <= SCAN_NAME_MAX;
}

/* Does the line hold `needle` anywhere? */
static inline bool scan_has(struct str line, const char *needle)
{
    return str_find(line, needle) >= 0;
}

/* The text between `open` and the next `close`, or an empty slice. */
static inline struct str scan_between(struct str line, const char *open, const char *close)
{
    ptrdiff_t at = str_find(line, open), end;

    if (at < 0)
        return (struct str){0};
    line = str_skip(line, (size_t)at + strlen(open));
    end = str_find(line, close);
    return end < 0 ? (struct str){0} : (struct str){line.p, (size_t)end};
}

/* Cut a number (of base 10 or 16) off the front of *s; false, and *s as it was, without one. */
static inline bool scan_number(struct str *s, int base, uint64_t *out)
{
    struct str rest = *s;

    if (str_to_u64(str_digits(&rest, base), base, out) < 0)
        return false;
    *s = rest;
    return true;
}

#endif
