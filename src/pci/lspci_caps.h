/* pci/lspci_caps - one capability of lspci's text as a block of facts. */
#ifndef PCI_LSPCI_CAPS_H
#define PCI_LSPCI_CAPS_H

#include "base/err.h"
#include "facts/facts.h"

/* What a capability's first line leaves to its device. */
enum cap_found {
    CAP_BLOCK,  /* a block of facts */
    CAP_DENIED, /* "<access denied>": nothing could be read */
    CAP_BROKEN, /* "<chain broken>", "<chain looped>": the rest could not be read */
    CAP_NONE,   /* no capability line, or a null capability */
};

/* What is the line "Capabilities: [100 v1] ..." (without indentation)? *extended is set when its
 * offset is above 0xff. */
enum cap_found lspci_cap_kind(struct str line, bool *extended);

/* Parse a chunk: the "Capabilities:" line with the lines below it, indented by tabs as lspci does.
 * Blocks come from the builder's cache when the text is known. NULL: no memory, or the text is
 * no CAP_BLOCK. */
const struct fact_block *lspci_cap_parse(struct fact_builder *builder, struct str chunk);

#endif
