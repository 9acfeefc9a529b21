/* What the tests of lspci share: a node to parse into, and its facts as sorted lines of text. */
#ifndef TEST_LSPCI_WORLD_H
#define TEST_LSPCI_WORLD_H

#include "base/vec.h"
#include "pci/lspci.h"
#include "support/parsed.h"

#define WORLD_FILE_MAX (64u << 20)

/* Parse into a source of its own; text facts only unless `prefer` says otherwise. */
static inline int world_parse(struct parsed *world, struct str text, enum lspci_prefer prefer)
{
    struct lspci_options options = {.prefer = prefer};
    uint16_t source = node_source(world->node, "lspci.txt", "lspci", text);
    struct err err = {0};

    return lspci_parse_with(world->node, source, text, &options, &err);
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
static inline struct world_lines world_facts(const struct parsed *world)
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
    struct parsed left, right;
    struct world_lines x, y;
    size_t i = 0, k = 0, differences = 0;

    left = parsed_new(FACT_KEEP_ALL);
    right = parsed_new(FACT_KEEP_ALL);
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
    parsed_done(&left);
    parsed_done(&right);
}

#endif
