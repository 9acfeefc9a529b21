/* node/inputs - which nodes do these paths hold?
 *
 * A path is a snapshot (*.snap), a bare text (lspci ...; it may hold several machines), a folder of
 * one node's raw outputs, or a folder of many of any of those. Files named together such as
 * box.lspci.txt and box.dmesg.txt are one node. "-" is standard input: a text or a snapshot. */
#ifndef NODE_INPUTS_H
#define NODE_INPUTS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum input_kind { INPUT_LIVE, INPUT_STREAM, INPUT_SNAPSHOT, INPUT_FILE, INPUT_FOLDER };

struct input {
    enum input_kind kind;
    const char *name; /* the node's: file name without its endings, folder name; unique in a list */
    const char *path;
    const char *const *files; /* FOLDER: more than one file name pattern may make one node, e.g.
                                 n1.lspci.txt + n1.dmesg.txt; NULL: everything below path */
    size_t file_count;
};

/* What could not be read while looking: one sentence each. The rest is still processed. */
struct trouble {
    const char *path, *text;
};

struct troubles {
    struct trouble *items;
    size_t count, space; /* as VEC: the owner calls vec_done */
};

/* Both texts are copied into `arena`. Returns 0 or -ENOMEM. */
int troubles_add(struct troubles *troubles, struct arena *arena, const char *path,
                 const char *text);

struct inputs {
    struct input *items;
    size_t count;
    struct trouble *troubles;
    size_t trouble_count;
};

/* Bounds: a folder may hold this many names, a request this many nodes. */
#define INPUT_NAMES_MAX 200000
#define INPUT_NODES_MAX 100000

/* Returns 0 or a negative errno when a path that the user named does not exist or cannot be used
 * at all. All memory in `arena`. No paths: the live host. */
int inputs_find(struct arena *arena, const char *const *paths, size_t count, struct inputs *out,
                struct err *err);

#endif
