/* fabric/scan - JSON read one value at a time: what is not known (or not wanted yet) is passed over
 * without being built, so that a list of millions costs what one of its items does.
 *
 * Every function that returns int returns 0 or -EPROTO with a sentence "NAME: line N: ...". */
#ifndef FABRIC_SCAN_H
#define FABRIC_SCAN_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

struct scan {
    const char *name; /* of the file */
    struct str text;
    const char *p, *end; /* what comes next */
    struct err *err;
};

unsigned scan_line(const struct scan *scan, const char *at);

/* The error: here stands something else than `want`, or the text has ended. */
int scan_odd(const struct scan *scan, const char *want);

void scan_space(struct scan *scan);

/* Past this character (and space before it), if it is next. */
bool scan_take(struct scan *scan, char c);

/* Past a text in quotes: *out is it as it is written. */
int scan_quoted(struct scan *scan, struct str *out);

/* Past a value of any kind; what is inside is not looked at closely. */
int scan_skip(struct scan *scan);

/* A value as jansson reads it. NULL: *r says why. */
json_t *scan_value(struct scan *scan, int *r);

#endif
