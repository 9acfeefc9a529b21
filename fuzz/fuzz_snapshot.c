/* Any bytes as a snapshot, and any bytes as the tar archive and the manifest inside one. */
#include "snap/manifest.h"
#include "snap/snap.h"
#include "snap/tar.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct str bytes)
{
    volatile char sink = 0;

    for (size_t i = 0; i < bytes.len; i++)
        sink ^= bytes.p[i];
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)256 << 20);
    struct tar_reader reader = {.rest = text};
    struct manifest manifest;
    struct tar_item item;
    struct err err = {0};
    struct tree tree;
    int r;

    if (!arena)
        return 0;
    r = snap_read(arena, "fuzz.snap", data, size, (size_t)16 << 20, &tree, &err);
    if (r != 0 && err.text[0] == '\0')
        abort();
    for (size_t i = 0; r >= 0 && i < tree.count; i++) {
        if (!snap_path_ok(str_of(tree.entries[i].path)))
            abort();
        use(tree.entries[i].bytes);
    }
    while (tar_next(&reader, &item, NULL) > 0) {
        use(item.path);
        use(item.bytes);
    }
    (void)manifest_parse(arena, text, &manifest, NULL);
    arena_free(arena);
    return 0;
}
