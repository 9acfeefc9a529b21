/* Bytes of a configuration space. The first byte of the input says how they are read: bit 0 as rows
 * of a dump, bit 1 with what the system knows of BARs, bit 2 as another function than 0. */
#include "fuzz_node.h"
#include "pci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pci_resource resources[PCI_CONFIG_RESOURCES] = {
        {0x1fe800000, 0x1ffffffff, 0x14220c},
        {0, 0, 0},
        {0x3000, 0x307f, 0x40101},
        {0, UINT64_MAX, UINT64_MAX},
    };
    struct node *node = fuzz_node_new();
    uint8_t how = size ? data[0] : 0;

    if (size) {
        struct str bytes = {(const char *)data + 1, size - 1};
        uint64_t bdf = how & 4 ? 0x1901 : 0x1900;
        struct err err = {0};
        int r;

        (void)node_source(node, "config", "config", (struct str){0});
        r = pci_config_parse(node, 0, bdf, bytes, 1, how & 1 ? 16 : 1, how & 2 ? resources : NULL,
                             &err);
        if ((r < 0) != (size - 1 < 4)) /* whatever the bytes are, four of them are a device */
            abort();
        if (r == 0 && node_find_pci(node, bdf) < 0)
            abort();
    }
    fuzz_node_free(node);
    return 0;
}
