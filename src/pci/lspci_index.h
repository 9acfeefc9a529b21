/* pci/lspci_index - where the devices of a dump start and end.
 *
 * One pass over the text that looks at the first bytes of each line; it also notices whether the
 * text is as lspci wrote it. Slices point into the text. */
#ifndef PCI_LSPCI_INDEX_H
#define PCI_LSPCI_INDEX_H

#include "base/str.h"
#include "base/vec.h"

/* A line at one tab (the first of a device: its header) with the deeper lines below it. It ends
 * where the next one starts. */
struct lspci_chunk {
    const char *p;
    uint32_t line; /* from 0 */
};

struct lspci_device {
    uint64_t bdf;
    struct str body;             /* from behind the address to the last line, hex rows left out */
    struct str hex;              /* the hex rows, or empty */
    uint32_t line;               /* of the header line, from 0 */
    uint32_t hex_line;           /* of the first hex row */
    uint32_t chunk, chunk_count; /* in the index's list; the first one is the header */
};

struct lspci_index {
    VEC(struct lspci_device) devices;
    VEC(struct lspci_chunk) chunks;
    bool dirty; /* some line is not as lspci writes it: pci/lspci_clean can help */
};

/* At most this much of one dump is read; a large machine has 200 devices of 50 chunks. */
#define LSPCI_DEVICES_MAX 65536
#define LSPCI_CHUNKS_MAX  (1u << 20)

/* Returns 0 or -ENOMEM; call lspci_index_done either way. */
int lspci_index_build(struct lspci_index *index, struct str text);
void lspci_index_done(struct lspci_index *index);

/* Does the line start with a device's address ("19:00.0 3D controller", also with a domain, a path
 * of -PP before it)? Returns the length up to the text behind the address, 0 when it does not. */
size_t lspci_address(struct str line, uint64_t *bdf);

/* Has it lines of registers, with or without the devices they belong to (`grep ACSCtl`)? Reads as
 * far as lspci_looks_like. In lspci_sniff.c. */
bool lspci_has_loose_registers(struct str text);

#endif
