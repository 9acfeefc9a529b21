/* pci/lspci_odd - lines of capabilities that follow none of lspci's habits.
 *
 * Each takes one line at two tabs apart into facts of the open block and returns false when the
 * line is none of its own. */
#ifndef PCI_LSPCI_ODD_H
#define PCI_LSPCI_ODD_H

#include "pci/registers.h"

bool lspci_line_mcast(struct registers *r, uint32_t line, struct str text);
bool lspci_line_vc(struct registers *r, uint32_t line, struct str text);
bool lspci_line_dvsec(struct registers *r, uint32_t line, struct str text);
bool lspci_line_ide(struct registers *r, uint32_t line, struct str text);

#endif
