#include "fabric/scan.h"

#include <errno.h>

#define DEPTH_MAX 64 /* of what is passed over */

unsigned scan_line(const struct scan *scan, const char *at)
{
    unsigned line = 1;

    for (const char *p = scan->text.p; p < at && p < scan->end; p++)
        line += *p == '\n';
    return line;
}

static int torn(const struct scan *scan)
{
    return err_set(scan->err, -EPROTO, "%s: the file is cut off at line %u", scan->name,
                   scan_line(scan, scan->end));
}

int scan_odd(const struct scan *scan, const char *want)
{
    if (scan->p >= scan->end)
        return torn(scan);
    return err_set(scan->err, -EPROTO, "%s: line %u: expected %s", scan->name,
                   scan_line(scan, scan->p), want);
}

void scan_space(struct scan *scan)
{
    while (scan->p < scan->end && memchr(" \t\r\n", *scan->p, 4))
        scan->p++;
}

bool scan_take(struct scan *scan, char c)
{
    scan_space(scan);
    if (scan->p >= scan->end || *scan->p != c)
        return false;
    scan->p++;
    return true;
}

int scan_quoted(struct scan *scan, struct str *out)
{
    const char *begin;

    if (!scan_take(scan, '"'))
        return scan_odd(scan, "a text in quotes");
    for (begin = scan->p; scan->p < scan->end && *scan->p != '"'; scan->p++)
        if (*scan->p == '\\')
            scan->p++;
    if (scan->p >= scan->end)
        return torn(scan);
    *out = str_range(begin, scan->p++);
    return 0;
}

int scan_skip(struct scan *scan)
{
    char open[DEPTH_MAX];
    size_t depth = 0;
    struct str ignored;

    do {
        int r = 0;

        scan_space(scan);
        if (scan->p >= scan->end)
            return torn(scan);
        if (*scan->p == '"') {
            r = scan_quoted(scan, &ignored);
        } else if (*scan->p == '{' || *scan->p == '[') {
            if (depth == DEPTH_MAX)
                return scan_odd(scan, "no more than 64 values inside each other");
            open[depth++] = *scan->p++ == '{' ? '}' : ']';
            continue;
        } else if (*scan->p == '}' || *scan->p == ']') {
            if (!depth || open[--depth] != *scan->p)
                return scan_odd(scan, "a value");
            scan->p++;
        } else if (*scan->p == ',' || *scan->p == ':') {
            if (!depth)
                return scan_odd(scan, "a value");
            scan->p++;
        } else {
            while (scan->p < scan->end && !memchr(" \t\r\n,:]}[{\"", *scan->p, 11))
                scan->p++; /* a NUL is no end: it goes by like all that is odd */
        }
        if (r < 0)
            return r;
    } while (depth);
    return 0;
}

json_t *scan_value(struct scan *scan, int *r)
{
    json_error_t error;
    json_t *json;

    scan_space(scan);
    json = json_loadb(scan->p, (size_t)(scan->end - scan->p),
                      JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (json)
        scan->p += error.position;
    else if (json_error_code(&error) == json_error_premature_end_of_input)
        *r = torn(scan);
    else
        *r = err_set(scan->err, -EPROTO, "%s: line %u: %s", scan->name,
                     scan_line(scan, scan->p + (error.position > 0 ? error.position - 1 : 0)),
                     error.text);
    return json;
}
