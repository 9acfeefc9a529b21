/* pci/lspci_head - what a capability's first line says beyond its name.
 *
 * "Express (v2) Root Port (Slot+), IntMsgNum 0", "MSI: Enable+ Count=1/1 ...". */
#ifndef PCI_LSPCI_HEAD_H
#define PCI_LSPCI_HEAD_H

#include "pci/registers.h"

/* Add the facts of `text`, the line behind "Capabilities: [40] ", to the open block, which is the
 * one of `name`. Lines without more than the name add none. */
void lspci_head_parse(struct registers *r, const struct cap_name *name, struct str text);

#endif
