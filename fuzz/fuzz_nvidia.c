/* Everything that nvidia-smi and the fabric manager print, into one node. */
#include "fuzz_node.h"
#include "host/fabricmanager.h"
#include "host/nvidia_list.h"
#include "host/nvidia_nvlink.h"
#include "host/nvidia_smi.h"
#include "host/nvidia_topo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_parser parsers[] = {
        {nvidia_smi_looks_like, nvidia_smi_parse},
        {nvidia_topo_looks_like, nvidia_topo_parse},
        {nvidia_nvlink_looks_like, nvidia_nvlink_parse},
        {nvidia_list_looks_like, nvidia_list_parse},
        {fabricmanager_looks_like, fabricmanager_parse},
    };
    struct str text = {(const char *)data, size};
    struct node *node = fuzz_node_new();

    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        fuzz_parse(node, "fuzz", text, &parsers[i]);
    fuzz_node_free(node);
    return 0;
}
