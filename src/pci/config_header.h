/* pci/config_header - the first 64 bytes of configuration space. Private to config*.c. */
#ifndef PCI_CONFIG_HEADER_H
#define PCI_CONFIG_HEADER_H

#include "pci/config_view.h"

/* One block of the header; present when its bytes are there and `put` says so. */
struct config_part {
    const char *name;
    uint8_t at;                                                  /* where the block stands */
    uint8_t end;                                                 /* of the bytes it needs */
    uint8_t index;                                               /* of a BAR or a window */
    bool (*put)(const struct config_view *view, unsigned index); /* offsets count from 0 */
};

/* The parts of a header of this type, in the order of lspci; of an unknown type the ids alone. */
const struct config_part *config_header_parts(unsigned header_type, size_t *count);

/* Fill in the view what blocks depend on: header type, vendor, device, has_memory. */
void config_header_read(struct config_view *view);

#endif
