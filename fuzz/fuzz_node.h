/* The node that a fuzz target parses into. No memory is no finding: it aborts. */
#ifndef FUZZ_NODE_H
#define FUZZ_NODE_H

#include "base/err.h"
#include "facts/node.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct node *fuzz_node_new(void)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = pool ? fact_builder_new(pool) : NULL;
    struct node *node = builder ? node_new(builder, "fuzz") : NULL;

    if (!node)
        abort();
    return node;
}

static inline void fuzz_node_free(struct node *node)
{
    struct fact_builder *builder = node->builder;
    struct fact_pool *pool = node->pool;

    node_free(node);
    fact_builder_free(builder);
    fact_pool_free(pool);
}

/* A text parser of room host. Whatever the text is, it fails for want of memory only. */
struct fuzz_parser {
    bool (*looks_like)(struct str text);
    int (*parse)(struct node *node, uint16_t source, struct str text, struct err *err);
};

static inline void fuzz_parse(struct node *node, const char *source, struct str text,
                              const struct fuzz_parser *parser)
{
    (void)parser->looks_like(text);
    if (parser->parse(node, node_source(node, source, "fuzz", text), text, NULL) < 0)
        abort();
}

#endif
