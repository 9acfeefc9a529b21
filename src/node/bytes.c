#include "node/bytes.h"

#include "agent/collect.h"
#include "base/file.h"
#include "facts/node.h"
#include "snap/snap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bounds on one input: the largest file, all files of a folder, and how deep folders go. */
#define FILE_BYTES_MAX   ((size_t)512 << 20)
#define FOLDER_FILES_MAX 200000
#define FOLDER_DEPTH_MAX 16

struct bytes *bytes_new(void)
{
    struct bytes *bytes = calloc(1, sizeof(*bytes));

    if (bytes && !(bytes->arena = arena_new(NODE_BYTES_MAX))) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

void bytes_release(struct bytes *bytes)
{
    if (!bytes || (bytes->users && --bytes->users))
        return;
    for (size_t i = 0; i < bytes->files.count; i++)
        free(bytes->files.items[i]);
    vec_done(&bytes->files);
    vec_done(&bytes->entries);
    vec_done(&bytes->troubles);
    arena_free(bytes->arena);
    free(bytes);
}

static int no_memory(const char *path, struct err *err)
{
    return err_set(err, -ENOMEM, "%s: no memory to read it", path);
}

static int add_entry(struct bytes *bytes, const char *path, struct str content, bool link)
{
    struct tree_entry *entry = vec_push(&bytes->entries);

    if (!entry)
        return -ENOMEM;
    entry->path = arena_copy(bytes->arena, path, strlen(path));
    entry->bytes = content;
    entry->link = link;
    return entry->path && content.p ? 0 : -ENOMEM;
}

static int read_file(struct bytes *bytes, const char *file, const char *path, struct err *err)
{
    char **slot = vec_push(&bytes->files);
    size_t len;
    int r;

    if (!slot)
        return no_memory(file, err);
    if (bytes->total >= NODE_BYTES_MAX) {
        bytes->files.count--;
        return err_set(err, -EFBIG, "%s: left out: one node's files are larger than %zu MiB", file,
                       NODE_BYTES_MAX >> 20);
    }
    r = file_read(file, FILE_BYTES_MAX, slot, &len, err);
    if (r < 0) {
        bytes->files.count--;
        return r;
    }
    bytes->total += len;
    return add_entry(bytes, path, (struct str){*slot, len}, false) < 0 ? no_memory(file, err) : 0;
}

static int add_trouble(struct bytes *bytes, const char *path, const char *text)
{
    return troubles_add(&bytes->troubles, bytes->arena, path, text);
}

static int read_folder(struct bytes *bytes, const char *folder, const char *prefix, unsigned depth,
                       struct err *err);

/* One name below a folder. Links inside a copied sysfs are facts by their target; a link to a file
 * anywhere else is read as that file. */
static int read_name(struct bytes *bytes, const char *file, const char *path, unsigned depth,
                     struct err *err)
{
    struct stat own, target;
    struct err inner = {0};
    char link[PATH_MAX];
    ssize_t len;
    int r;

    if (lstat(file, &own) < 0)
        return add_trouble(bytes, file, strerror(errno));
    if (S_ISDIR(own.st_mode))
        return read_folder(bytes, file, path, depth + 1, err);
    if (S_ISLNK(own.st_mode)) {
        bool regular = stat(file, &target) == 0 && S_ISREG(target.st_mode);

        if (!regular) {
            len = readlink(file, link, sizeof(link));
            return len < 0 ? 0
                           : add_entry(bytes, path,
                                       (struct str){arena_copy(bytes->arena, link, (size_t)len),
                                                    (size_t)len},
                                       true);
        }
    } else if (!S_ISREG(own.st_mode)) {
        return 0;
    }
    r = read_file(bytes, file, path, &inner);
    return r < 0 && r != -ENOMEM ? add_trouble(bytes, file, inner.text) : r;
}

static int read_folder(struct bytes *bytes, const char *folder, const char *prefix, unsigned depth,
                       struct err *err)
{
    const char *const *names;
    struct err inner = {0};
    long count;
    int r = 0;

    if (depth > FOLDER_DEPTH_MAX)
        return add_trouble(bytes, folder, "folders nested deeper than firstlight reads");
    count = file_list(bytes->arena, folder, FOLDER_FILES_MAX, &names, &inner);
    if (count < 0)
        return depth ? add_trouble(bytes, folder, inner.text)
                     : err_set(err, (int)count, "%s", inner.text);
    for (long i = 0; i < count && r == 0; i++) {
        char *file = arena_printf(bytes->arena, "%s/%s", folder, names[i]);
        char *path = *prefix ? arena_printf(bytes->arena, "%s/%s", prefix, names[i])
                             : arena_copy(bytes->arena, names[i], strlen(names[i]));

        if (!file || !path)
            return no_memory(folder, err);
        if (bytes->entries.count == FOLDER_FILES_MAX)
            return add_trouble(bytes, folder, "more files than firstlight reads of one node");
        r = read_name(bytes, file, path, depth, err);
    }
    return r;
}

/* Packed bytes as a tree: damaged ones give what is whole, and a sentence. */
static int open_snapshot(struct bytes *bytes, const char *name, struct str packed,
                         struct tree *tree, struct err *err)
{
    struct err damage = {0};
    int r = snap_read(bytes->arena, name, packed.p, packed.len, SNAP_BYTES_MAX, tree, &damage);

    if (r < 0)
        return err_set(err, r, "%s", damage.text);
    return r > 0 ? add_trouble(bytes, name, damage.text) : 0;
}

static int read_snapshot(struct bytes *bytes, const struct input *input, struct tree *tree,
                         struct err *err)
{
    char *packed;
    size_t len;
    int r = file_read(input->path, FILE_BYTES_MAX, &packed, &len, err);

    if (r < 0)
        return r;
    r = open_snapshot(bytes, input->path, (struct str){packed, len}, tree, err);
    free(packed);
    return r;
}

/* Standard input: a text, or a snapshot as `firstlight-agent collect -o -` writes it. */
static int read_stream(struct bytes *bytes, const struct input *input, struct tree *tree,
                       struct err *err)
{
    char **slot = vec_push(&bytes->files);
    size_t len;
    int r;

    if (!slot)
        return no_memory(input->path, err);
    r = file_read_stream(STDIN_FILENO, input->path, FILE_BYTES_MAX, slot, &len, err);
    if (r < 0) {
        bytes->files.count--;
        return r;
    }
    if (snap_looks_like((struct str){*slot, len}))
        return open_snapshot(bytes, input->path, (struct str){*slot, len}, tree, err);
    r = add_entry(bytes, input->path, (struct str){*slot, len}, false);
    tree->entries = bytes->entries.items;
    tree->count = bytes->entries.count;
    return r < 0 ? no_memory(input->path, err) : 0;
}

static int read_live(struct bytes *bytes, struct tree *tree, struct err *err)
{
    struct collect_options options = {0};
    struct buf manifest = {0};
    int r = collect_tree(bytes->arena, &options, tree, &manifest, err);

    buf_done(&manifest);
    tree->name = "";
    return r;
}

int bytes_read(struct bytes *bytes, const struct input *input, struct tree *tree, struct err *err)
{
    int r = 0;

    *tree = (struct tree){.name = ""};
    switch (input->kind) {
    case INPUT_LIVE:
        return read_live(bytes, tree, err);
    case INPUT_STREAM:
        return read_stream(bytes, input, tree, err);
    case INPUT_SNAPSHOT:
        return read_snapshot(bytes, input, tree, err);
    case INPUT_FILE:
        r = read_file(bytes, input->path, input->path, err);
        break;
    case INPUT_FOLDER:
        tree->name = arena_printf(bytes->arena, "%s/", input->path);
        if (!tree->name)
            return no_memory(input->path, err);
        if (!input->files)
            r = read_folder(bytes, input->path, "", 0, err);
        for (size_t i = 0; i < input->file_count && r == 0; i++)
            r = read_name(bytes, input->files[i], basename(input->files[i]), 0, err);
        break;
    }
    tree->entries = bytes->entries.items;
    tree->count = bytes->entries.count;
    tree_sort(tree);
    return r;
}
