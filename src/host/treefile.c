#include "host/treefile.h"

struct str treefile_value(const struct tree_entry *entry)
{
    return entry->link ? (struct str){entry->bytes.p, 0} : str_trim(entry->bytes);
}

void treefile_source(struct gather *gather, const struct tree *tree, const struct tree_entry *entry,
                     const char *kind)
{
    gather->source = node_tree_source(gather->node, tree, entry, kind);
}
