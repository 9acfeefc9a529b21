/* base/crc32c - the checksum of files that are written once and read for years (Castagnoli's
 * polynomial, as iSCSI, ext4 and btrfs use it). It finds every burst of up to 32 bits. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Start with 0; what comes out goes into the next call: crc32c(crc32c(0, a), b) is that of ab. By
 * the CPU's own instruction where it has one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

/* The same by a table: what defines it, and what CPUs without the instruction get. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t len);

#endif
