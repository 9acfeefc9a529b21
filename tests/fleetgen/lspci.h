/* fleetgen/lspci - config bytes as the real lspci prints them. */
#ifndef FLEETGEN_LSPCI_H
#define FLEETGEN_LSPCI_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Is there an lspci to run? */
bool lspci_present(void);

/* Append one function to a text that `lspci -F` reads. */
void lspci_add_hex(struct buf *hex, uint32_t domain, unsigned bus, unsigned device,
                   unsigned function, const uint8_t *bytes, unsigned count);

/* `lspci -vvvnn` of the functions in `hex`, into *text. Returns 0 or a negative errno. */
int lspci_print(struct str hex, struct buf *text, struct err *err);

#endif
