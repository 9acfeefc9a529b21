/* pci/config_header - the first 64 bytes of configuration space. Private to config*.c. */
#ifndef PCI_CONFIG_HEADER_H
#define PCI_CONFIG_HEADER_H

#include "pci/config_view.h"

/* One block of the header; present when its bytes are there and `put` adds a fact. */
struct config_part {
    const char *name;
    uint8_t at;                                                  /* where the block stands */
    uint8_t end;                                                 /* of the bytes it needs */
    uint8_t index;                                               /* of a BAR or a window */
    void (*put)(const struct config_view *view, unsigned index); /* offsets count from 0 */
    uint8_t key_at, key_end; /* further bytes that it depends on, besides the command register */
    uint8_t resource;        /* the row of `resources` that it depends on, plus 1; 0: none */
};

/* The parts of a header of this type, in the order of lspci; of an unknown type the ids alone. */
const struct config_part *config_header_parts(unsigned header_type, size_t *count);

/* The ids of the card (vendor, then device << 16): a bridge has them in a capability. Sets *at to
 * where they stand; 0 when there are none. */
uint32_t config_header_subsystem(const struct config_view *view, unsigned *at);

/* Fill in the view what blocks depend on: header type, vendor, device, has_memory. */
void config_header_read(struct config_view *view);

#endif
