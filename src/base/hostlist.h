/* base/hostlist - "n[001-512],login1" to names, and names back to that.
 *
 * Items are separated by commas, blanks or newlines. A bracket holds numbers and ranges separated
 * by commas; the digits of a range's low end say how many digits its numbers have at least. An item
 * may have several brackets: "r[1-2]n[01-03]-ib" is six names. */
#ifndef BASE_HOSTLIST_H
#define BASE_HOSTLIST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define HOSTLIST_HOSTS_MAX   100000
#define HOSTLIST_NAME_MAX    255 /* bytes of one name */
#define HOSTLIST_BRACKET_MAX 4   /* brackets in one item */

struct hostlist {
    const char **names; /* in the order of the text, each once; NUL-terminated */
    size_t count;
    const char *twice; /* the first name that came again; NULL: none did */
};

/* Names have letters, digits and "._-:@%" and begin with a letter or a digit, so that they are safe
 * as file names and as arguments. Everything in *out lives in `arena`. An empty list is an error.
 * Returns 0, -EINVAL, -E2BIG (more than HOSTLIST_HOSTS_MAX) or -ENOMEM. */
int hostlist_expand(struct arena *arena, struct str text, struct hostlist *out, struct err *err);

/* The short form: "n[001-003,007],login1", sorted, each name once. Names may hold any bytes; what
 * can't be folded stays as it is. NULL when there is no memory; "" for no names. */
char *hostlist_fold(struct arena *arena, const char *const *names, size_t count);

#endif
