/* facts/tree - a node's raw outputs as a list of named pieces of bytes.
 *
 * A folder of outputs, a snapshot and a live host all become a tree; parsers read nothing else.
 * Paths are relative, with '/', without "./": "sys/bus/pci/devices/0000:19:00.0/config",
 * "proc/cmdline", "cmd/nvidia-smi_-q.txt", "lspci.txt". Entries are sorted by path (byte order).
 * The maker owns the bytes. */
#ifndef FACTS_TREE_H
#define FACTS_TREE_H

#include "base/str.h"

struct tree_entry {
    const char *path;
    struct str bytes; /* of a link: its target */
    bool link;
};

struct tree {
    const char *name; /* how the user called it: "fleet/n001.snap" or, with a slash at its end, a
                         folder "fleet/n001/"; "" or NULL when the entries' paths say it all. See
                         node_tree_source. */
    struct tree_entry *entries;
    size_t count;
};

/* Sort the entries by path, once all are there. */
void tree_sort(struct tree *tree);

/* The entry with exactly this path, or NULL. */
const struct tree_entry *tree_find(const struct tree *tree, const char *path);

/* The entries whose path starts with `prefix` ("sys/class/infiniband/"): the first, and how many.
 */
const struct tree_entry *tree_under(const struct tree *tree, const char *prefix, size_t *count);

#endif
