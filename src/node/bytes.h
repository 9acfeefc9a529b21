/* node/bytes - what one input holds: the bytes of its files, of a snapshot or of this host, as a
 * tree.
 *
 * The sources of nodes point into it. A text of several machines makes several nodes of one struct
 * bytes: each is a user, and the last to release it frees it. */
#ifndef NODE_BYTES_H
#define NODE_BYTES_H

#include "base/vec.h"
#include "facts/tree.h"
#include "node/inputs.h"

struct bytes {
    struct arena *arena;
    VEC(char *) files; /* from file_read */
    size_t total;
    unsigned users; /* nodes made of it */
    VEC(struct tree_entry) entries;
    struct troubles troubles; /* what could not be read */
};

/* Without users yet. NULL when there is no memory. */
struct bytes *bytes_new(void);

/* One user less; without any it is freed. NULL is taken. */
void bytes_release(struct bytes *bytes);

/* Read the input into `bytes` and make *tree of it. Parts that can't be read are troubles; returns
 * 0, or a negative errno when nothing could be read or there is no memory. */
int bytes_read(struct bytes *bytes, const struct input *input, struct tree *tree, struct err *err);

#endif
