/* tests/support/parsed - one node that parsers filled, and questions about its facts. */
#ifndef SUPPORT_PARSED_H
#define SUPPORT_PARSED_H

#include "base/err.h"
#include "base/file.h"
#include "facts/node.h"
#include "facts/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef int text_parser(struct node *node, uint16_t source, struct str text, struct err *err);

struct parsed {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
};

static inline struct parsed parsed_new(unsigned keep)
{
    struct parsed p = {.pool = fact_pool_new(keep)};

    assert_non_null(p.pool);
    p.builder = fact_builder_new(p.pool);
    assert_non_null(p.builder);
    p.node = node_new(p.builder, "n001");
    assert_non_null(p.node);
    return p;
}

static inline void parsed_done(struct parsed *p)
{
    node_free(p->node);
    fact_builder_free(p->builder);
    fact_pool_free(p->pool);
}

static inline void parsed_text(struct parsed *p, text_parser *parse, const char *source,
                               struct str text)
{
    struct err err = {0};

    if (parse(p->node, node_source(p->node, source, "test", text), text, &err) < 0)
        fail_msg("%s: %s", source, err.text);
    assert_int_equal(node_ok(p->node), 0);
}

/* The fact `path` of a subject; its `fact` is NULL when there is none. */
static inline struct fact_at parsed_at(const struct parsed *p, enum subject_kind kind,
                                       const char *subject, const char *path)
{
    int at = node_find(p->node, kind, str_of(subject));

    if (at < 0)
        return (struct fact_at){0};
    return node_fact(p->node, (uint32_t)at, fact_pool_key(p->pool, str_of(path)));
}

static inline const struct fact *parsed_fact(const struct parsed *p, enum subject_kind kind,
                                             const char *subject, const char *path)
{
    return parsed_at(p, kind, subject, path).fact;
}

/* The fact's text, or "(absent)". */
static inline const char *parsed_get(const struct parsed *p, enum subject_kind kind,
                                     const char *subject, const char *path)
{
    const struct fact *fact = parsed_fact(p, kind, subject, path);

    return fact ? fact->text : "(absent)";
}

static inline const char *parsed_host(const struct parsed *p, const char *path)
{
    return parsed_get(p, SUBJECT_HOST, "", path);
}

static inline const char *parsed_pci(const struct parsed *p, const char *bdf, const char *path)
{
    return parsed_get(p, SUBJECT_PCI, bdf, path);
}

/* Is something unseen for a reason with these words? */
static inline bool parsed_unseen(const struct parsed *p, const char *why)
{
    for (uint32_t i = 0; i < p->node->unseen_count; i++)
        if (strstr(p->node->unseen[i].why, why))
            return true;
    return false;
}

/* The line of the source that the fact was read from. */
static inline struct str parsed_line(const struct parsed *p, enum subject_kind kind,
                                     const char *subject, const char *path)
{
    struct fact_at at = parsed_at(p, kind, subject, path);

    assert_non_null(at.fact);
    return node_fact_text(p->node, at);
}

#define assert_fact(p, kind, subject, path, want)                                                  \
    assert_string_equal(parsed_get(p, kind, subject, path), want)

/* Run a parser over every prefix of `text`, each in a heap block of exactly its size, so that ASan
 * sees one byte past; of a long text over some 400 and the whole. `also` (may be NULL) is a
 * looks_like. */
static inline void parsed_prefixes(text_parser *parse, bool (*also)(struct str), struct str text)
{
    size_t step = text.len > 4096 ? text.len / 400 : 1;

    for (size_t len = 0; len <= text.len;
         len += len < text.len && len + step > text.len ? text.len - len : step) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        char *exact = malloc(len ? len : 1);
        struct str part = {exact, len};

        assert_non_null(exact);
        if (len)
            memcpy(exact, text.p, len);
        parsed_text(&p, parse, "prefix", part);
        if (also)
            (void)also(part);
        parsed_done(&p);
        free(exact);
    }
}

/* A file of the real machines, malloc'ed; NULL where they are not. */
static inline char *data_file(const char *name, struct str *text)
{
    const char *root = getenv("FIRSTLIGHT_DATA");
    char path[4096];
    char *bytes;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/machines/%s", root ? root : TEST_DATA, name);
    if (file_read(path, (size_t)64 << 20, &bytes, &len, NULL) < 0)
        return NULL;
    *text = (struct str){bytes, len};
    return bytes;
}

#define SKIP_WITHOUT(bytes)                                                                        \
    do {                                                                                           \
        if (!(bytes)) {                                                                            \
            print_message("skipped: the machine data is not here\n");                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* The same, and the test is skipped without it. */
static inline struct str parsed_machine(const char *name)
{
    struct str text = {0};

    SKIP_WITHOUT(data_file(name, &text));
    return text;
}

#endif
