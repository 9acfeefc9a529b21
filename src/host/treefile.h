/* host/treefile - small files of a tree as sources: sysfs and procfs entries with one value. */
#ifndef HOST_TREEFILE_H
#define HOST_TREEFILE_H

#include "facts/tree.h"
#include "host/gather.h"

/* The file's text without blanks at the ends; empty for a link. */
struct str treefile_value(const struct tree_entry *entry);

/* Make the file a source and let the facts that are gathered next come from it. */
void treefile_source(struct gather *gather, const struct tree *tree, const struct tree_entry *entry,
                     const char *kind);

#endif
