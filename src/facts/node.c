#include "facts/node.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *subject_kind_name(enum subject_kind kind)
{
    static const char *const names[SUBJECT_KINDS] = {"host", "pci", "ib", "net", "dimm", "numa"};

    return names[kind];
}

struct node *node_new(struct fact_builder *builder, const char *name)
{
    struct arena *arena = arena_new(NODE_BYTES_MAX);
    struct node *node = arena ? arena_alloc(arena, sizeof(*node)) : NULL;

    if (!node) {
        arena_free(arena);
        return NULL;
    }
    node->arena = arena;
    node->builder = builder;
    node->pool = fact_builder_pool(builder);
    node->name = arena_copy(arena, name, strlen(name));
    (void)node_subject(node, SUBJECT_HOST, STR(""));
    if (node->failed || !node->name) {
        arena_free(arena);
        return NULL;
    }
    return node;
}

void node_free(struct node *node)
{
    if (node)
        arena_free(node->arena);
}

int node_ok(const struct node *node)
{
    return node->failed ? -ENOMEM : 0;
}

/* A new zeroed item at the end of an array in the arena; arrays double, the old copy stays until
 * the arena goes. NULL (and failed) when there is no memory or `max` is reached. */
static void *push(struct node *node, void *array, uint32_t *count, uint32_t *space, uint32_t max,
                  size_t item_bytes)
{
    char **items = array;

    if (*count == *space) {
        uint32_t more = *space ? *space * 2 : 8;
        char *copy = *count >= max ? NULL : arena_alloc(node->arena, more * item_bytes);

        if (!copy) {
            node->failed = true;
            return NULL;
        }
        if (*count)
            memcpy(copy, *items, *count * item_bytes);
        *items = copy;
        *space = more;
    }
    return *items + (*count)++ * item_bytes;
}

uint16_t node_source(struct node *node, const char *name, const char *kind, struct str text)
{
    struct source *source = push(node, &node->sources, &node->source_count, &node->source_space,
                                 NODE_SOURCES_MAX, sizeof(*source));

    if (!source)
        return 0;
    source->name = arena_copy(node->arena, name, strlen(name));
    source->kind = kind;
    source->text = text;
    if (!source->name)
        node->failed = true;
    return (uint16_t)(node->source_count - 1);
}

uint16_t node_tree_source(struct node *node, const struct tree *tree,
                          const struct tree_entry *entry, const char *kind)
{
    const char *folder = tree->name ? tree->name : "";
    const char *separator = str_ends(str_of(folder), "/") ? "" : ":";
    const char *name =
        *folder ? arena_printf(node->arena, "%s%s%s", folder, separator, entry->path) : entry->path;

    if (!name) {
        node->failed = true;
        name = "";
    }
    return node_source(node, name, kind, entry->bytes);
}

static uint32_t subject_add(struct node *node, enum subject_kind kind, struct str name,
                            uint64_t bdf)
{
    struct subject *subject = push(node, &node->subjects, &node->subject_count,
                                   &node->subject_space, NODE_SUBJECTS_MAX, sizeof(*subject));

    if (!subject)
        return 0;
    subject->kind = kind;
    subject->bdf = bdf;
    subject->name = arena_copy(node->arena, name.p, name.len);
    if (!subject->name)
        node->failed = true;
    return node->subject_count - 1;
}

/* Where a bdf stands in the index, or the free place for it. */
static uint32_t *pci_slot(const struct node *node, uint32_t *index, uint32_t space, uint64_t bdf)
{
    uint32_t i = (uint32_t)hash_mix(0, bdf) & (space - 1);

    while (index[i] && node->subjects[index[i]].bdf != bdf)
        i = (i + 1) & (space - 1);
    return &index[i];
}

int node_find_pci(const struct node *node, uint64_t bdf)
{
    uint32_t found = node->pci_space ? *pci_slot(node, node->pci_index, node->pci_space, bdf) : 0;

    return found ? (int)found : -1;
}

static void pci_index_add(struct node *node, uint32_t subject)
{
    if ((node->pci_count + 1) * 2 > node->pci_space) {
        uint32_t space = node->pci_space ? node->pci_space * 4 : 64;
        uint32_t *index = arena_alloc(node->arena, space * sizeof(*index));

        if (!index) {
            node->failed = true;
            return;
        }
        for (uint32_t i = 0; i < node->pci_space; i++)
            if (node->pci_index[i])
                *pci_slot(node, index, space, node->subjects[node->pci_index[i]].bdf) =
                    node->pci_index[i];
        node->pci_index = index;
        node->pci_space = space;
    }
    *pci_slot(node, node->pci_index, node->pci_space, node->subjects[subject].bdf) = subject;
    node->pci_count++;
}

int node_find(const struct node *node, enum subject_kind kind, struct str name)
{
    uint64_t bdf;

    if (kind == SUBJECT_PCI)
        return bdf_parse(name, &bdf) < 0 ? -1 : node_find_pci(node, bdf);
    for (uint32_t i = 0; i < node->subject_count; i++)
        if (node->subjects[i].kind == kind && str_is(name, node->subjects[i].name))
            return (int)i;
    return -1;
}

uint32_t node_pci(struct node *node, uint64_t bdf)
{
    int found = node_find_pci(node, bdf);
    char text[BDF_TEXT_MAX];
    uint32_t subject;

    if (found >= 0)
        return (uint32_t)found;
    bdf_print(bdf, text);
    subject = subject_add(node, SUBJECT_PCI, str_of(text), bdf);
    if (subject)
        pci_index_add(node, subject);
    return subject;
}

uint32_t node_subject(struct node *node, enum subject_kind kind, struct str name)
{
    int found = node_find(node, kind, name);
    uint64_t bdf;

    if (found >= 0)
        return (uint32_t)found;
    if (kind == SUBJECT_PCI)
        return bdf_parse(name, &bdf) < 0 ? 0 : node_pci(node, bdf);
    return subject_add(node, kind, name, 0);
}

void node_attach(struct node *node, uint32_t subject_index, const struct fact_block *block,
                 uint16_t source, uint32_t line)
{
    struct subject *subject = &node->subjects[subject_index];
    uint16_t ordinal = 0;
    struct fact_ref *ref;

    if (!block) {
        node->failed = true;
        return;
    }
    for (uint32_t i = 0; i < subject->count; i++)
        ordinal += subject->refs[i].block->name == block->name && subject->refs[i].source == source;
    ref = push(node, &subject->refs, &subject->count, &subject->space, UINT16_MAX, sizeof(*ref));
    if (ref)
        *ref = (struct fact_ref){block, line, source, ordinal};
}

void node_add_unseen(struct node *node, int subject, int source, const char *block,
                     const char *what, const char *why)
{
    struct unseen *unseen;

    if (node->unseen_count == NODE_UNSEEN_MAX)
        return;
    unseen = push(node, &node->unseen, &node->unseen_count, &node->unseen_space, NODE_UNSEEN_MAX,
                  sizeof(*unseen));
    if (!unseen)
        return;
    unseen->subject = subject;
    unseen->source = source;
    unseen->block = block ? arena_copy(node->arena, block, strlen(block)) : NULL;
    unseen->what = arena_copy(node->arena, what, strlen(what));
    unseen->why = arena_copy(node->arena, why, strlen(why));
    if ((block && !unseen->block) || !unseen->what || !unseen->why) {
        node->unseen_count--;
        node->failed = true;
    }
}

bool unseen_covers(const struct unseen *unseen, struct str block)
{
    return unseen->block && str_glob_any(unseen->block, block);
}

struct fact_at node_fact(const struct node *node, uint32_t subject_index, uint32_t key)
{
    const struct subject *subject = &node->subjects[subject_index];

    for (uint32_t i = 0; i < subject->count; i++) {
        const struct fact_block *block = subject->refs[i].block;

        for (uint32_t k = 0; k < block->count; k++)
            if (block->facts[k].key == key)
                return (struct fact_at){&block->facts[k], &subject->refs[i]};
    }
    return (struct fact_at){0};
}

const struct fact_ref *node_block(const struct node *node, uint32_t subject_index, uint32_t name)
{
    const struct subject *subject = &node->subjects[subject_index];

    for (uint32_t i = 0; i < subject->count; i++)
        if (subject->refs[i].block->name == name)
            return &subject->refs[i];
    return NULL;
}

uint32_t node_fact_line(const struct node *node, struct fact_at at)
{
    const struct source *source = &node->sources[at.ref->source];
    uint32_t line = at.ref->line + at.fact->line;

    if (source->binary)
        return line;
    return source->line_base + (source->lines ? source->lines[line - 1] : line);
}

struct str node_fact_text(const struct node *node, struct fact_at at)
{
    const struct source *source = &node->sources[at.ref->source];
    struct str rest = source->text, line = {0};
    uint32_t want = at.ref->line + at.fact->line;

    if (source->binary)
        return line;
    for (uint32_t i = 0; i < want; i++)
        if (!str_line(&rest, &line))
            return (struct str){0};
    return str_trim(line);
}

int bdf_parse(struct str text, uint64_t *bdf)
{
    uint64_t domain = 0, bus, device, function;
    ptrdiff_t colon = str_find(text, ":"), second, dot;
    struct str rest;

    if (colon < 0)
        return -EINVAL;
    second = str_find(str_skip(text, (size_t)colon + 1), ":");
    if (second >= 0) {
        if (colon > 8 || str_to_u64((struct str){text.p, (size_t)colon}, 16, &domain) < 0)
            return -EINVAL;
        text = str_skip(text, (size_t)colon + 1);
        colon = second;
    }
    rest = str_skip(text, (size_t)colon + 1);
    dot = str_find(rest, ".");
    if (colon < 1 || colon > 2 || dot < 1 || dot > 2 ||
        str_to_u64((struct str){text.p, (size_t)colon}, 16, &bus) < 0 ||
        str_to_u64((struct str){rest.p, (size_t)dot}, 16, &device) < 0 ||
        str_to_u64(str_skip(rest, (size_t)dot + 1), 16, &function) < 0 || device > 31 ||
        function > 7)
        return -EINVAL;
    *bdf = domain << 16 | bus << 8 | device << 3 | function;
    return 0;
}

void bdf_print(uint64_t bdf, char out[BDF_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    int width = bdf >> 32 ? 8 : 4; /* of the domain: 4 digits, or as many as it takes */
    char *p = out;

    while (width > 4 && !(bdf >> (16 + 4 * (width - 1)) & 15))
        width--;
    for (int i = width - 1; i >= 0; i--)
        *p++ = digits[bdf >> (16 + 4 * i) & 15];
    *p++ = ':';
    *p++ = digits[bdf >> 12 & 15];
    *p++ = digits[bdf >> 8 & 15];
    *p++ = ':';
    *p++ = digits[bdf >> 7 & 1];
    *p++ = digits[bdf >> 3 & 15];
    *p++ = '.';
    *p++ = digits[bdf & 7];
    *p = '\0';
}
