/* pci/config - the configuration space of a PCI function, as bytes, to facts.
 *
 * Makes the same blocks and facts (docs/facts.md) as the parser of lspci's text makes of
 * `lspci -vvv`, so that a node seen through `lspci`, through a hex dump and through sysfs gives one
 * set of facts. What lspci 3.9 does not print but newer ones do is there as well. Names and classes
 * of devices are not in the bytes and so have no facts here. */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#include "base/err.h"
#include "facts/node.h"

/* What the operating system knows of a BAR, the ROM or a bridge window: a row of sysfs `resource`.
 * Sizes are not in config space: one learns them by writing to it. */
struct pci_resource {
    uint64_t start, end,
        flags; /* start == end == 0: not assigned, or absent when flags are 0 too */
};

enum { PCI_CONFIG_BARS = 6, PCI_CONFIG_ROM = 6, PCI_CONFIG_RESOURCES = 7 };

/* Longest space there is. Further bytes are not read. */
#define PCI_CONFIG_BYTES_MAX 4096

/* Decode `bytes`, read from offset 0 on: 64, 256 or 4096 of them, or any other number, of which
 * what is whole is decoded. `bytes_per_line` is 16 when the bytes were the rows of a hex dump, 1
 * when they are a file of bytes; `line` is then where offset 0 stands in the source: a line from 1,
 * or a byte offset from 0. `resources` (BARs, then the ROM) may be NULL. The bytes are not kept.
 *
 * Blocks are attached to the node's subject for `bdf`. What could not be seen because the bytes
 * end too early is added to node->unseen. A chain of capabilities that is broken ends the walk with
 * the fact `Cap.chain`. Returns 0, -EINVAL (no bytes, bytes_per_line is neither) or -ENOMEM. */
int pci_config_parse(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                     uint32_t line, unsigned bytes_per_line, const struct pci_resource *resources,
                     struct err *err);

/* The bytes are the rows of a hex dump below a device's text, the first on line `line`: a
 * lspci_decode. What the text already said about the header's registers is left as it is. */
int pci_config_rows(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                    uint32_t line, struct err *err);

#endif
