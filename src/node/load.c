#include "node/load.h"

#include "agent/collect.h"
#include "base/file.h"
#include "base/vec.h"
#include "host/parser.h"
#include "pci/lspci.h"
#include "pci/sysfs.h"
#include "snap/snap.h"

#include <dirent.h>
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
#define PARTS_MAX        4096 /* machines in one text */

struct loader {
    struct fact_pool *pool;
    struct fact_builder *builder;
};

/* What a node's sources point into. */
struct bytes {
    struct arena *arena;
    VEC(char *) files; /* from file_read */
    size_t total;
    unsigned users; /* nodes made of it */
    VEC(struct tree_entry) entries;
    VEC(struct trouble) troubles; /* what could not be read: paths and sentences in the arena */
};

struct loader *loader_new(struct fact_pool *pool)
{
    struct loader *loader = calloc(1, sizeof(*loader));

    if (!loader)
        return NULL;
    loader->pool = pool;
    loader->builder = fact_builder_new(pool);
    if (!loader->builder) {
        free(loader);
        return NULL;
    }
    return loader;
}

void loader_free(struct loader *loader)
{
    if (!loader)
        return;
    fact_builder_free(loader->builder);
    free(loader);
}

static struct bytes *bytes_new(void)
{
    struct bytes *bytes = calloc(1, sizeof(*bytes));

    if (bytes && !(bytes->arena = arena_new(NODE_BYTES_MAX))) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static void bytes_release(struct bytes *bytes)
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

/* ---- bytes: a file or a folder becomes entries of a tree ---- */

static int add_entry(struct bytes *bytes, const char *path, struct str content, bool link)
{
    struct tree_entry *entry = vec_push(&bytes->entries);

    if (!entry)
        return -ENOMEM;
    entry->path = arena_copy(bytes->arena, path, strlen(path));
    entry->bytes = content;
    entry->link = link;
    return entry->path ? 0 : -ENOMEM;
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
    struct trouble *slot = vec_push(&bytes->troubles);

    if (!slot)
        return -ENOMEM;
    slot->path = arena_copy(bytes->arena, path, strlen(path));
    slot->text = arena_copy(bytes->arena, text, strlen(text));
    return slot->path && slot->text ? 0 : -ENOMEM;
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

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int read_snapshot(struct bytes *bytes, const struct input *input, struct tree *tree,
                         struct err *err)
{
    struct err damage = {0};
    char *packed;
    size_t len;
    int r = file_read(input->path, FILE_BYTES_MAX, &packed, &len, err);

    if (r < 0)
        return r;
    r = snap_read(bytes->arena, input->path, packed, len, SNAP_BYTES_MAX, tree, &damage);
    free(packed);
    if (r < 0)
        return err_set(err, r, "%s", damage.text);
    return r > 0 ? add_trouble(bytes, input->path, damage.text) : 0;
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

/* The input's bytes as a tree. */
static int read_input(struct bytes *bytes, const struct input *input, struct tree *tree,
                      struct err *err)
{
    int r = 0;

    *tree = (struct tree){.name = ""};
    switch (input->kind) {
    case INPUT_LIVE:
        return read_live(bytes, tree, err);
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
            r = read_name(bytes, input->files[i], base_of(input->files[i]), 0, err);
        break;
    }
    tree->entries = bytes->entries.items;
    tree->count = bytes->entries.count;
    tree_sort(tree);
    return r;
}

/* ---- facts: every piece goes to its parser ---- */

/* What could not be parsed is unknown, with the parser's sentence; no memory ends the node. */
static int parsed(struct node *node, int r, const char *what, const struct err *err)
{
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        node_add_unseen(node, -1, -1, NULL, what, err->text);
    return 0;
}

/* Config files have 64 bytes when the collector was not root; then the text of an lspci that was
 * run as root says more. Otherwise the bytes say the same as the text, without a tool between. */
static bool bytes_decide(const struct tree *tree)
{
    size_t longest = 0;
    bool text = false;

    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];

        if (str_ends(str_of(entry->path), "/config") && strstr(entry->path, "bus/pci/devices/") &&
            entry->bytes.len > longest)
            longest = entry->bytes.len;
        else if (!strncasecmp(base_of(entry->path), "lspci", 5))
            text = text || str_find(entry->bytes, "Capabilities: [") >= 0;
    }
    return longest > 64 || (longest && !text);
}

/* Paths that tree parsers read: not for the parsers of single texts. */
static bool in_system_tree(const char *path)
{
    return !strncmp(path, "sys/", 4) || strstr(path, "/sys/") || !strncmp(path, "proc/sys/", 9);
}

/* A text and who reads it. */
struct reading {
    const struct tree_entry *entry;
    const struct parser *parser; /* NULL: lspci */
};

/* lspci first, then the order that the parsers want, then by path. */
static int by_order(const void *a, const void *b)
{
    const struct reading *x = a, *y = b;
    size_t p = x->parser ? parser_order(x->parser) + 1 : 0;
    size_t q = y->parser ? parser_order(y->parser) + 1 : 0;

    if (p != q)
        return p < q ? -1 : 1;
    return strcmp(x->entry->path, y->entry->path);
}

/* Which texts are read, by whom, in order. Returns how many, or -ENOMEM; the caller frees. */
static long plan_readings(const struct tree *tree, struct reading **out)
{
    struct reading *readings = calloc(tree->count + 1, sizeof(*readings));
    long count = 0;

    if (!readings)
        return -ENOMEM;
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        const struct parser *parser;
        bool is_lspci = !strncasecmp(base_of(entry->path), "lspci", 5);

        if (entry->link || !entry->bytes.len || in_system_tree(entry->path))
            continue;
        parser = is_lspci ? NULL : parser_for(entry->path, entry->bytes);
        if (parser || is_lspci || lspci_looks_like(entry->bytes))
            readings[count++] = (struct reading){entry, parser};
    }
    if (count)
        qsort(readings, (size_t)count, sizeof(*readings), by_order);
    *out = readings;
    return count;
}

static int read_texts(struct node *node, const struct tree *tree, bool pci_from_bytes, bool *used)
{
    struct reading *readings = NULL;
    long count = plan_readings(tree, &readings);
    int r = count < 0 ? (int)count : 0;

    for (long i = 0; i < count && r == 0; i++) {
        const struct parser *parser = readings[i].parser;
        const struct tree_entry *entry = readings[i].entry;
        struct err err = {0};
        uint16_t source;

        *used = true;
        if (!parser && pci_from_bytes)
            continue;
        source = node_tree_source(node, tree, entry, parser ? parser->kind : "lspci");
        r = parsed(node,
                   parser ? parser->parse(node, source, entry->bytes, &err)
                          : lspci_parse(node, source, entry->bytes, &err),
                   entry->path, &err);
    }
    free(readings);
    return r;
}

static int parse_tree(struct node *node, const struct tree *tree, bool *used)
{
    bool pci_from_bytes = bytes_decide(tree);
    struct err err = {0};
    int r = 0;

    if (pci_from_bytes) {
        *used = true;
        r = parsed(node, pci_sysfs_parse(node, tree, &err), "PCI devices in sysfs", &err);
    }
    for (size_t i = 0; i < tree_parser_count && r == 0; i++) {
        uint32_t before = node->source_count;

        r = parsed(node, tree_parsers[i].parse(node, tree, &err), tree_parsers[i].kind, &err);
        *used = *used || node->source_count > before;
    }
    return r < 0 ? r : read_texts(node, tree, pci_from_bytes, used);
}

/* Make one node of a tree. */
static int make_node(struct loader *loader, const char *name, const struct tree *tree,
                     struct bytes *bytes, struct loaded *out, struct err *err)
{
    struct node *node = node_new(loader->builder, name);
    bool used = false;
    int r = node ? parse_tree(node, tree, &used) : -ENOMEM;

    if (r == 0 && !used)
        r = err_set(err, -EINVAL,
                    "%s: nothing in it that firstlight knows: expected lspci text, a snapshot or a "
                    "node's outputs",
                    tree->count == 1 && !*tree->name ? tree->entries[0].path : tree->name);
    for (size_t i = 0; bytes && i < bytes->troubles.count && r == 0; i++)
        node_add_unseen(node, -1, -1, NULL, bytes->troubles.items[i].path,
                        bytes->troubles.items[i].text);
    out->topo = r == 0 ? topo_build(node) : NULL;
    if (r == 0 && (!out->topo || node_ok(node) < 0))
        r = -ENOMEM;
    if (r < 0) {
        node_free(node);
        return r == -ENOMEM
                   ? err_set(err, r, "%s: it does not fit the %zu MiB of memory for a node", name,
                             NODE_BYTES_MAX >> 20)
                   : r;
    }
    out->node = node;
    out->bytes = bytes;
    if (bytes)
        bytes->users++;
    return 0;
}

static uint32_t lines_before(struct str text, const char *at)
{
    uint32_t lines = 0;

    for (const char *p = text.p; (p = memchr(p, '\n', (size_t)(at - p))); p++)
        lines++;
    return lines;
}

/* A text with several machines in it gives a node each. */
static int make_parts(struct loader *loader, const struct input *input, struct tree *tree,
                      struct bytes *bytes, struct loaded *out, struct err *err)
{
    struct str whole = tree->count == 1 ? tree->entries[0].bytes : (struct str){0};
    struct str *parts = NULL;
    size_t count = 1;
    int r = 0;

    if (input->kind == INPUT_FILE && lspci_looks_like(whole)) {
        parts = calloc(PARTS_MAX, sizeof(*parts));
        count = parts ? lspci_split(whole, parts, PARTS_MAX) : 0;
    }
    if (count < 2) {
        free(parts);
        return make_node(loader, input->name, tree, bytes, out, err);
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        struct loaded *part = i ? calloc(1, sizeof(*part)) : out;
        char *name = arena_printf(bytes->arena, "%s#%zu", input->name, i + 1);

        if (!part || !name) {
            free(i ? part : NULL);
            r = no_memory(input->path, err);
            break;
        }
        tree->entries[0].bytes = parts[i];
        r = make_node(loader, name, tree, bytes, part, err);
        for (uint32_t s = 0; r == 0 && s < part->node->source_count; s++)
            part->node->sources[s].line_base = lines_before(whole, parts[i].p);
        if (i && r < 0)
            free(part);
        else if (i) {
            part->next_part = out->next_part;
            out->next_part = part;
        }
    }
    free(parts);
    return r;
}

int loader_load(struct loader *loader, const struct input *input, struct loaded *out,
                struct err *err)
{
    struct bytes *bytes = bytes_new();
    struct tree tree;
    int r;

    *out = (struct loaded){0};
    if (!bytes)
        return no_memory(input->path, err);
    r = read_input(bytes, input, &tree, err);
    if (r == 0)
        r = make_parts(loader, input, &tree, bytes, out, err);
    if (r < 0 && bytes->users)
        loaded_done(out); /* gives the bytes back with its last node */
    else if (r < 0)
        bytes_release(bytes);
    return r;
}

int loader_load_tree(struct loader *loader, const char *name, const struct tree *tree,
                     struct loaded *out, struct err *err)
{
    *out = (struct loaded){0};
    return make_node(loader, name, tree, NULL, out, err);
}

void loaded_done(struct loaded *loaded)
{
    struct loaded *part = loaded->next_part;

    node_free(loaded->node);
    if (loaded->node)
        bytes_release(loaded->bytes);
    while (part) {
        struct loaded *next = part->next_part;

        node_free(part->node);
        bytes_release(part->bytes);
        free(part);
        part = next;
    }
    *loaded = (struct loaded){0};
}
