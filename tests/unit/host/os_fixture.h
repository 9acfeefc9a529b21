/* What the tests of room host share: a node to parse into, and short ways to ask for its facts. */
#ifndef TESTS_OS_FIXTURE_H
#define TESTS_OS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "facts/node.h"
#include "host/parser.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
};

static inline struct fixture fixture_new(void)
{
    struct fixture f;

    f.pool = fact_pool_new(FACT_KEEP_ALL);
    f.builder = fact_builder_new(f.pool);
    f.node = node_new(f.builder, "n001");
    assert_non_null(f.node);
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    node_free(f->node);
    fact_builder_free(f->builder);
    fact_pool_free(f->pool);
}

typedef int (*parse_fn)(struct node *, uint16_t, struct str, struct err *);

static inline void fixture_parse(struct fixture *f, parse_fn parse, const char *name,
                                 struct str text)
{
    struct err err = {0};

    assert_int_equal(parse(f->node, node_source(f->node, name, "test", text), text, &err), 0);
}

/* "cpu.count" of the host, "0000:19:00.0 Xid.79" of a device, "dimm DIMM_A1 DIMM.size_mb". */
static inline struct fact_at fixture_fact(const struct fixture *f, enum subject_kind kind,
                                          const char *subject, const char *path)
{
    int index = node_find(f->node, kind, str_of(subject));

    if (index < 0)
        return (struct fact_at){0};
    return node_fact(f->node, (uint32_t)index, fact_pool_key(f->pool, str_of(path)));
}

static inline const char *fact_text_of(struct fact_at at)
{
    return at.fact ? at.fact->text : "(absent)";
}

static inline const char *host_fact(const struct fixture *f, const char *path)
{
    return fact_text_of(fixture_fact(f, SUBJECT_HOST, "", path));
}

static inline const char *pci_fact(const struct fixture *f, const char *bdf, const char *path)
{
    return fact_text_of(fixture_fact(f, SUBJECT_PCI, bdf, path));
}

static inline bool has_unseen(const struct fixture *f, const char *why)
{
    for (uint32_t i = 0; i < f->node->unseen_count; i++)
        if (strstr(f->node->unseen[i].why, why))
            return true;
    return false;
}

/* Every prefix of `text`, each in a heap block of exactly its size so that ASan sees one byte past;
 * long texts in steps. */
static inline void parse_prefixes(parse_fn parse, struct str text)
{
    size_t step = text.len / 400 + 1;

    for (size_t len = 0; len <= text.len;
         len += len + step > text.len && len < text.len ? text.len - len : step) {
        struct fixture f = fixture_new();
        char *exact = malloc(len ? len : 1);

        assert_non_null(exact);
        if (len)
            memcpy(exact, text.p, len);
        fixture_parse(&f, parse, "prefix", (struct str){exact, len});
        assert_int_equal(node_ok(f.node), 0);
        fixture_free(&f);
        free(exact);
    }
}

/* The real machine output `name`, or NULL where the data is not installed. The caller frees. */
static inline char *data_file(const char *name, struct str *text)
{
    const char *root = getenv("FIRSTLIGHT_DATA");
    char path[1024];
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
            print_message("the machine data is not installed here\n");                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
