/* store/find - what a person's word names among things with ids: all of an id, "last", a name,
 * whose newest that goes on is meant or else its newest, or a unique beginning of an id. */
#ifndef STORE_FIND_H
#define STORE_FIND_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct find_words {
    const char *one, *many; /* "run", "runs" */
    const char *none;       /* why there are none: "nothing was run yet" */
};

struct find_item {
    const char *id, *name; /* name may be NULL */
    bool goes_on;
};

/* `items` begin with the newest. Returns 0 with *at, -ENOENT with the nearest ids, or -EINVAL: the
 * beginning of several. */
int find_item(const struct find_words *words, const char *name, const struct find_item *items,
              size_t count, size_t *at, struct err *err);

#endif
