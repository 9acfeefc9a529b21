/* pci/lspci_odd - lines of capabilities that are no plain registers, or follow none of lspci's
 * habits. */
#ifndef PCI_LSPCI_ODD_H
#define PCI_LSPCI_ODD_H

#include "pci/registers.h"

/* Takes one line at two tabs apart into facts of the open block; false when the line is none of its
 * own. */
typedef bool lspci_odd_line(struct registers *r, uint32_t line, struct str text);

/* Who knows the odd lines of this block; NULL: it has none. */
lspci_odd_line *lspci_odd_of(struct str block);

#endif
