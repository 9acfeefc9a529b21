/* pci/lspci_lines - what lspci says of a device outside its capabilities: the header line and the
 * lines at one tab. Each becomes a block of facts, from the builder's cache when the text is known.
 */
#ifndef PCI_LSPCI_LINES_H
#define PCI_LSPCI_LINES_H

#include "facts/facts.h"

/* The header line behind the address ("3D controller [0302]: NVIDIA ... (rev a1)") with the lines
 * "DeviceName:" and "Subsystem:" that follow it, as the block Header. `shape` is what the lines
 * below say of the type of its header; LSPCI_SHAPE_LABELS: only names are wanted, the rest is known
 * from the bytes. NULL: no memory. */
enum lspci_shape {
    LSPCI_SHAPE_UNKNOWN,
    LSPCI_SHAPE_BRIDGE,
    LSPCI_SHAPE_CARDBUS,
    LSPCI_SHAPE_LABELS,
};
const struct fact_block *lspci_header_parse(struct fact_builder *builder, struct str chunk,
                                            enum lspci_shape shape);

/* Every fact block of one chunk: a line at one tab with the deeper lines under it. `put` gets each
 * block (NULL: no memory) with the line it starts on, relative to the chunk. `region` counts the
 * BARs of `lspci -v`, which prints no numbers: 0 at the start of a device. */
struct lspci_sink {
    void (*put)(void *arg, const struct fact_block *block, uint32_t line);
    void *arg;
    unsigned region;
};
void lspci_line_parse(struct fact_builder *builder, struct str chunk, struct lspci_sink *sink);

/* Does lspci print such a line at one tab? Used to repair texts that lost their indentation. */
bool lspci_is_device_line(struct str text);

#endif
