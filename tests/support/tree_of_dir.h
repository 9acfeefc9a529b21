/* tests/support/tree_of_dir - a folder on disk, or a list of texts, as a struct tree. */
#ifndef SUPPORT_TREE_OF_DIR_H
#define SUPPORT_TREE_OF_DIR_H

#include "base/arena.h"
#include "base/file.h"
#include "facts/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A piece of a tree that a test writes down. */
struct piece {
    const char *path, *text;
    bool link;
};

static inline struct tree_entry *tree_push(struct arena *arena, struct tree *tree, size_t *space)
{
    if (tree->count == *space) {
        size_t more = *space ? *space * 2 : 64;
        struct tree_entry *entries = arena_alloc(arena, more * sizeof(*entries));

        if (!entries)
            abort();
        if (tree->count)
            memcpy(entries, tree->entries, tree->count * sizeof(*entries));
        tree->entries = entries;
        *space = more;
    }
    return &tree->entries[tree->count++];
}

static inline void tree_read_dir(struct arena *arena, struct tree *tree, size_t *space,
                                 const char *root, const char *below)
{
    const char *const *names;
    const char *dir = arena_printf(arena, "%s/%s", root, below);
    long count = file_list(arena, dir, 100000, &names, NULL);

    for (long i = 0; i < count; i++) {
        const char *path = arena_printf(arena, "%s%s%s", below, *below ? "/" : "", names[i]);
        const char *full = arena_printf(arena, "%s/%s", root, path);
        struct stat st;
        struct tree_entry *entry;
        char target[4096], *text;
        size_t len;

        if (lstat(full, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            tree_read_dir(arena, tree, space, root, path);
        } else if (S_ISLNK(st.st_mode)) {
            ssize_t n = readlink(full, target, sizeof(target));

            if (n < 0)
                continue;
            entry = tree_push(arena, tree, space);
            *entry =
                (struct tree_entry){path, {arena_copy(arena, target, (size_t)n), (size_t)n}, true};
        } else if (file_read(full, 1 << 24, &text, &len, NULL) == 0) {
            entry = tree_push(arena, tree, space);
            *entry = (struct tree_entry){path, {arena_copy(arena, text, len), len}, false};
            free(text);
        }
    }
}

/* The files below `root`; no entries when there are none. All of it in `arena`. */
static inline struct tree tree_of_dir(struct arena *arena, const char *root)
{
    struct tree tree = {.name = "dir"};
    size_t space = 0;

    tree_read_dir(arena, &tree, &space, root, "");
    tree_sort(&tree);
    return tree;
}

static inline struct tree tree_of_pieces(struct arena *arena, const struct piece *pieces,
                                         size_t count)
{
    struct tree tree = {.name = "pieces"};
    size_t space = 0;

    for (size_t i = 0; i < count; i++)
        *tree_push(arena, &tree, &space) =
            (struct tree_entry){pieces[i].path, str_of(pieces[i].text), pieces[i].link};
    tree_sort(&tree);
    return tree;
}

#endif
