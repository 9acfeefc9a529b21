/* Any bytes as a text of dmesg. */
#include "fuzz_node.h"
#include "host/dmesg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_parser parser = {dmesg_looks_like, dmesg_parse};
    struct node *node = fuzz_node_new();

    fuzz_parse(node, "dmesg", (struct str){(const char *)data, size}, &parser);
    fuzz_node_free(node);
    return 0;
}
