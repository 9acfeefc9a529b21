/* Any bytes as a file of dmidecode --dump-bin, and as a bare table. */
#include "fuzz_node.h"
#include "host/smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_parser parser = {smbios_dump_looks_like, smbios_dump_parse};
    struct str text = {(const char *)data, size};
    struct node *node = fuzz_node_new();

    fuzz_parse(node, "smbios", text, &parser);
    if (smbios_parse(node, node_source(node, "DMI", "smbios", text), text, (struct str){"", 0},
                     NULL) < 0)
        abort();
    fuzz_node_free(node);
    return 0;
}
