/* ckpt/part - the format of one rank's file in a checkpoint; little-endian, floats as they are.
 *
 *   header, PART_HEADER_BYTES: magic, version, whose file it is, which items, which vectors, CRC32C
 *   each vector's items [begin, end), cut into slices (the last is shorter)
 *   table: a CRC32C of each slice, vector by vector, then one of the table
 *
 * It describes itself: any number of ranks can read what any other number wrote. */
#ifndef CKPT_PART_H
#define CKPT_PART_H

#include "ckpt/ckpt.h"

#define PART_HEADER_BYTES 4096
#define PART_VERSION      1
#define PART_NAME_MAX     32 /* of a vector, with its NUL */
#define PART_ITEMS_MAX    ((uint64_t)1 << 50)

struct part_header {
    int64_t step;
    uint32_t rank, ranks;
    uint64_t items, begin, end;
    uint32_t slice_bytes;
    uint32_t vector_count;
    char vectors[CKPT_VECTORS_MAX][PART_NAME_MAX];
};

void part_header_put(const struct part_header *header, uint8_t out[PART_HEADER_BYTES]);

/* The first `len` bytes of a file of file_bytes. Returns 0 or -EBADMSG with a sentence: no such
 * file, a newer version's, damaged, or of another size than it says. */
int part_header_parse(const uint8_t *bytes, size_t len, uint64_t file_bytes,
                      struct part_header *out, struct err *err);

/* Of one vector here. */
uint64_t part_vector_bytes(const struct part_header *header);
uint64_t part_vector_slices(const struct part_header *header);

/* Where a slice lies in the file, and its bytes. */
uint64_t part_slice_at(const struct part_header *header, size_t vector, uint64_t slice);
size_t part_slice_bytes(const struct part_header *header, uint64_t slice);

uint64_t part_table_at(const struct part_header *header);
uint64_t part_table_bytes(const struct part_header *header);

/* `crc` has one for each slice of all vectors. */
void part_table_put(const struct part_header *header, const uint32_t *crc, uint8_t *out);
int part_table_parse(const struct part_header *header, const uint8_t *bytes, uint32_t *crc,
                     struct err *err);

#endif
