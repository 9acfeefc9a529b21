#include "facts/tree.h"

#include <stdlib.h>

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

void tree_sort(struct tree *tree)
{
    if (tree->count)
        qsort(tree->entries, tree->count, sizeof(*tree->entries), by_path);
}

/* Index of the first entry that does not sort before `path`. */
static size_t lower_bound(const struct tree *tree, const char *path)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(tree->entries[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct tree_entry *tree_find(const struct tree *tree, const char *path)
{
    size_t at = lower_bound(tree, path);

    return at < tree->count && !strcmp(tree->entries[at].path, path) ? &tree->entries[at] : NULL;
}

const struct tree_entry *tree_under(const struct tree *tree, const char *prefix, size_t *count)
{
    size_t at = lower_bound(tree, prefix), len = strlen(prefix), end = at;

    while (end < tree->count && !strncmp(tree->entries[end].path, prefix, len))
        end++;
    *count = end - at;
    return *count ? &tree->entries[at] : NULL;
}
