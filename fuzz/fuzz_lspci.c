#include "fuzz_node.h"
#include "pci/lspci.h"

/* Every fact's line must be one of the source's, whatever the text. */
static void look(const struct node *node)
{
    for (uint32_t i = 0; i < node->subject_count; i++)
        for (uint32_t k = 0; k < node->subjects[i].count; k++) {
            const struct fact_ref *ref = &node->subjects[i].refs[k];

            for (uint32_t f = 0; f < ref->block->count; f++)
                if (!node_fact_line(node, (struct fact_at){&ref->block->facts[f], ref}))
                    abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, parts[8];
    struct node *node = fuzz_node_new();
    struct err err = {0};

    (void)lspci_looks_like(text);
    for (size_t i = 0, count = lspci_split(text, parts, 8); i < count; i++) {
        uint16_t source = node_source(node, "fuzz.txt", "lspci", parts[i]);

        if (lspci_parse(node, source, parts[i], &err) == 0)
            look(node);
    }
    fuzz_node_free(node);
    return 0;
}
