#include "node/load.h"

#include "base/vec.h"
#include "host/parser.h"
#include "node/bytes.h"
#include "pci/lspci.h"
#include "pci/sysfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 4096 /* machines in one text */

struct loader {
    struct fact_pool *pool;
    struct fact_builder *builder;
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

static int no_memory(const char *path, struct err *err)
{
    return err_set(err, -ENOMEM, "%s: no memory to read it", path);
}

/* What could not be parsed is unknown, with the parser's sentence; no memory ends the node. */
static int parsed(struct node *node, int r, const char *what, const struct err *err)
{
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        node_add_unseen(node, -1, -1, NULL, what, err->text);
    return 0;
}

/* Is it lspci's text: by its name, or by a name with "lspci" in it and by what it says? */
static bool is_lspci(const struct tree_entry *entry)
{
    const char *name = basename(entry->path);

    return !strncasecmp(name, "lspci", 5) ||
           (strcasestr(name, "lspci") && lspci_looks_like(entry->bytes));
}

static bool shows_capabilities(const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        if (is_lspci(&tree->entries[i]) && str_find(tree->entries[i].bytes, "Capabilities: [") >= 0)
            return true;
    return false;
}

/* Config files have 64 bytes when the collector was not root; then the text of an lspci that was
 * run as root says more. Otherwise the bytes say the same as the text, without a tool between. */
static bool bytes_decide(const struct tree *tree)
{
    size_t longest = 0;

    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];

        if (str_ends(str_of(entry->path), "/config") && strstr(entry->path, "bus/pci/devices/") &&
            entry->bytes.len > longest)
            longest = entry->bytes.len;
    }
    return longest > 64 || (longest && !shows_capabilities(tree));
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
        bool lspci;

        if (entry->link || !entry->bytes.len || in_system_tree(entry->path))
            continue;
        lspci = is_lspci(entry);
        parser = lspci ? NULL : parser_for(entry->path, entry->bytes);
        if (parser || lspci || lspci_looks_like(entry->bytes))
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

    if ((input->kind == INPUT_FILE || input->kind == INPUT_STREAM) && lspci_looks_like(whole)) {
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
    r = bytes_read(bytes, input, &tree, err);
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
