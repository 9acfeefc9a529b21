/* pci/hex - the rows of `lspci -x` back into bytes.
 *
 * A row is an offset of two or three hex digits, a colon and up to 16 bytes: "100: 01 00 82 14
 * ...". */
#ifndef PCI_HEX_H
#define PCI_HEX_H

#include "base/str.h"

#define HEX_BYTES_MAX 4096
#define HEX_ROW_BYTES 16

/* Is this line such a row? */
bool hex_is_row(struct str line);

/* Read one row. Returns how many bytes it has (1 to 16) with its *offset, or -EINVAL. */
int hex_row(struct str line, uint32_t *offset, uint8_t bytes[HEX_ROW_BYTES]);

/* Read the rows of `text`, one under the other from offset 0, into `bytes`. Stops at the first line
 * that is no row or leaves a gap. Returns how many bytes were read, at most HEX_BYTES_MAX. */
size_t hex_rows(struct str text, uint8_t bytes[HEX_BYTES_MAX]);

#endif
