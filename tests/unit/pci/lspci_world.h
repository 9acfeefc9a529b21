/* What the tests of lspci share: a node to parse into, and its facts as sorted lines of text. */
#ifndef TEST_LSPCI_WORLD_H
#define TEST_LSPCI_WORLD_H

#include "base/file.h"
#include "base/vec.h"
#include "pci/lspci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORLD_FILE_MAX (64u << 20)

struct world {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
};

static inline void world_open(struct world *world)
{
    world->pool = fact_pool_new(FACT_KEEP_ALL);
    assert_non_null(world->pool);
    world->builder = fact_builder_new(world->pool);
    assert_non_null(world->builder);
    world->node = node_new(world->builder, "n1");
    assert_non_null(world->node);
}

static inline void world_close(struct world *world)
{
    node_free(world->node);
    fact_builder_free(world->builder);
    fact_pool_free(world->pool);
}

/* Parse into a source of its own; text facts only unless `prefer` says otherwise. */
static inline int world_parse(struct world *world, struct str text, enum lspci_prefer prefer)
{
    struct lspci_options options = {.prefer = prefer};
    uint16_t source = node_source(world->node, "lspci.txt", "lspci", text);
    struct err err = {0};

    return lspci_parse_with(world->node, source, text, &options, &err);
}

/* The value of a fact as text, or "(none)". */
static inline const char *world_text(const struct world *world, const char *device,
                                     const char *path)
{
    int subject = node_find(world->node, SUBJECT_PCI, str_of(device));
    struct fact_at at;

    if (subject < 0)
        return "(no device)";
    at = node_fact(world->node, (uint32_t)subject, fact_pool_key(world->pool, str_of(path)));
    return at.fact ? at.fact->text : "(none)";
}

static inline struct fact_at world_fact(const struct world *world, const char *device,
                                        const char *path)
{
    int subject = node_find(world->node, SUBJECT_PCI, str_of(device));

    assert_true(subject >= 0);
    return node_fact(world->node, (uint32_t)subject, fact_pool_key(world->pool, str_of(path)));
}

static inline int world_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct world_lines {
    char **items;
    size_t count, space;
};

/* One line for each fact but labels: device, ordinal of the block, path, class, value. Sorted. */
static inline struct world_lines world_facts(const struct world *world)
{
    struct world_lines lines = {0};

    for (uint32_t i = 0; i < world->node->subject_count; i++) {
        const struct subject *subject = &world->node->subjects[i];

        for (uint32_t k = 0; k < subject->count; k++) {
            const struct fact_block *block = subject->refs[k].block;

            for (uint32_t f = 0; f < block->count; f++) {
                const struct fact *fact = &block->facts[f];
                char **line;
                char text[512];

                if (fact->class == FACT_LABEL)
                    continue;
                (void)snprintf(text, sizeof(text), "%s %u %s %d/%d %lld %s", subject->name,
                               subject->refs[k].ordinal, fact_key_name(world->pool, fact->key),
                               fact->class, fact->type, (long long)fact->number, fact->text);
                line = vec_push(&lines);
                assert_non_null(line);
                *line = strdup(text);
                assert_non_null(*line);
            }
        }
    }
    if (lines.count)
        qsort(lines.items, lines.count, sizeof(*lines.items), world_compare);
    return lines;
}

static inline void world_lines_free(struct world_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

static inline struct str world_read(const char *dir, const char *name)
{
    struct err err = {0};
    char path[4096], *text;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (file_read(path, WORLD_FILE_MAX, &text, &len, &err) < 0)
        return (struct str){0};
    return (struct str){text, len};
}

/* Do two texts give the same facts? Prints the first differences. */
static inline void assert_same_facts(struct str a, struct str b)
{
    struct world left, right;
    struct world_lines x, y;
    size_t i = 0, k = 0, differences = 0;

    world_open(&left);
    world_open(&right);
    assert_int_equal(world_parse(&left, a, LSPCI_TEXT), 0);
    assert_int_equal(world_parse(&right, b, LSPCI_TEXT), 0);
    x = world_facts(&left);
    y = world_facts(&right);
    while (i < x.count || k < y.count) {
        int order = i == x.count ? 1 : k == y.count ? -1 : strcmp(x.items[i], y.items[k]);

        if (order && differences++ < 10)
            print_message("%s: %s\n", order < 0 ? "only the first" : "only the second",
                          order < 0 ? x.items[i] : y.items[k]);
        i += order <= 0;
        k += order >= 0;
    }
    assert_true(x.count > 0);
    assert_int_equal(differences, 0);
    world_lines_free(&x);
    world_lines_free(&y);
    world_close(&left);
    world_close(&right);
}

#endif
