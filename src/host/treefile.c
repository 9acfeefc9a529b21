#include "host/treefile.h"

#include <stdio.h>

struct str treefile_value(const struct tree_entry *entry)
{
    return entry->link ? (struct str){entry->bytes.p, 0} : str_trim(entry->bytes);
}

void treefile_source(struct gather *gather, const struct tree *tree, const struct tree_entry *entry,
                     const char *kind)
{
    char name[1024];

    (void)snprintf(name, sizeof(name), "%s%s%s", tree->name ? tree->name : "",
                   tree->name && tree->name[0] ? ":" : "", entry->path);
    gather->source = node_source(gather->node, name, kind, entry->bytes);
}
