/* agent/collect - a live host (or a copied root folder) as a tree of raw outputs.
 *
 * Nothing on the host is changed. What could not be seen is in the manifest. */
#ifndef AGENT_COLLECT_H
#define AGENT_COLLECT_H

#include "base/arena.h"
#include "base/err.h"
#include "facts/tree.h"

#include <stdbool.h>
#include <stdint.h>

#define COLLECT_TIMEOUT_MS 60000 /* of a command, when the caller knows no better */

struct collect_options {
    const char *root;   /* take files below this folder and run no commands; NULL: the live host */
    int64_t timeout_ms; /* of each command; 0: COLLECT_TIMEOUT_MS */
    int64_t total_ms;   /* of all commands together; 0: none */
    bool no_commands;   /* files only */
    int64_t now_s;      /* the time to note; 0: the clock's */
};

/* Collect into *out, which lives in `arena`; entries are sorted, "manifest.json" is one of them and
 * its text is added to *manifest too (which may be NULL). Without root what is denied is left out
 * and noted. Returns 0 or a negative errno: no memory, or `root` is no folder. */
int collect_tree(struct arena *arena, const struct collect_options *options, struct tree *out,
                 struct buf *manifest, struct err *err);

/* The same as the bytes of a snapshot, added to *out. */
int collect_snapshot(const struct collect_options *options, struct buf *out, struct err *err);

#endif
