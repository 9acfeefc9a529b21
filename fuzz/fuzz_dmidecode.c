/* Any bytes as a text of dmidecode. */
#include "fuzz_node.h"
#include "host/dmidecode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_parser parser = {dmidecode_looks_like, dmidecode_parse};
    struct node *node = fuzz_node_new();

    fuzz_parse(node, "dmidecode", (struct str){(const char *)data, size}, &parser);
    fuzz_node_free(node);
    return 0;
}
