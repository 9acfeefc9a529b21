/* Any bytes as a text of dmesg. */
#include "host/dmesg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = fact_builder_new(pool);
    struct node *node = node_new(builder, "fuzz");
    struct str text = {(const char *)data, size};
    struct err err;

    if (dmesg_parse(node, node_source(node, "dmesg", "dmesg", text), text, &err) < 0)
        abort(); /* only for want of memory, and then there is a leak */
    (void)dmesg_looks_like(text);
    node_free(node);
    fact_builder_free(builder);
    fact_pool_free(pool);
    return 0;
}
