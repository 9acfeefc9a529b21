/* Everything that nvidia-smi and the fabric manager print, into one node. */
#include "host/fabricmanager.h"
#include "host/nvidia_list.h"
#include "host/nvidia_nvlink.h"
#include "host/nvidia_smi.h"
#include "host/nvidia_topo.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        bool (*looks_like)(struct str text);
        int (*parse)(struct node *node, uint16_t source, struct str text, struct err *err);
    } parsers[] = {
        {nvidia_smi_looks_like, nvidia_smi_parse},
        {nvidia_topo_looks_like, nvidia_topo_parse},
        {nvidia_nvlink_looks_like, nvidia_nvlink_parse},
        {nvidia_list_looks_like, nvidia_list_parse},
        {fabricmanager_looks_like, fabricmanager_parse},
    };
    struct str text = {(const char *)data, size};
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = pool ? fact_builder_new(pool) : NULL;
    struct node *node = builder ? node_new(builder, "fuzz") : NULL;

    if (!node)
        abort();
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++) {
        uint16_t source = node_source(node, "fuzz", "fuzz", text);

        (void)parsers[i].looks_like(text);
        if (parsers[i].parse(node, source, text, NULL) < 0)
            abort();
    }
    node_free(node);
    fact_builder_free(builder);
    fact_pool_free(pool);
    return 0;
}
