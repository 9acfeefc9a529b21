/* Any bytes as a file of dmidecode --dump-bin, and as a bare table. */
#include "host/smbios.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = fact_builder_new(pool);
    struct node *node = node_new(builder, "fuzz");
    struct str text = {(const char *)data, size};
    struct err err;

    if (smbios_dump_parse(node, node_source(node, "smbios", "smbios", text), text, &err) < 0)
        abort(); /* only for want of memory, and then there is a leak */
    if (smbios_parse(node, node_source(node, "DMI", "smbios", text), text, (struct str){"", 0},
                     &err) < 0)
        abort();
    node_free(node);
    fact_builder_free(builder);
    fact_pool_free(pool);
    return 0;
}
