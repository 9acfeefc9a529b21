/* Any bytes as one rank's part of a checkpoint: it is one, whose slices lie in it one after the
 * other, or one sentence says why not. The first byte says whether the checksums are made right
 * before, so that the fuzzer gets past them. */
#include "base/crc32c.h"
#include "ckpt/part.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_crc(uint8_t *bytes, size_t len)
{
    uint32_t crc = crc32c(0, bytes, len - 4);

    memcpy(bytes + len - 4, &crc, 4);
}

static void look_at_slices(const struct part_header *header, uint64_t size)
{
    uint64_t at = PART_HEADER_BYTES;

    for (size_t v = 0; v < header->vector_count; v++)
        for (uint64_t s = 0; s < part_vector_slices(header); s++) {
            if (part_slice_at(header, v, s) != at || part_slice_bytes(header, s) == 0)
                abort();
            at += part_slice_bytes(header, s);
        }
    if (at != part_table_at(header) || at + part_table_bytes(header) != size)
        abort();
}

static void parse(uint8_t *bytes, size_t size, int right)
{
    struct part_header header;
    struct err err = {0};
    uint32_t *crc;
    size_t table;
    int r;

    if (right && size >= PART_HEADER_BYTES)
        put_crc(bytes, PART_HEADER_BYTES);
    r = part_header_parse(bytes, size, size, &header, &err);
    if (r < 0) {
        if (!err.text[0])
            abort();
        return;
    }
    look_at_slices(&header, size);
    table = (size_t)part_table_bytes(&header);
    if (right)
        put_crc(bytes + size - table, table);
    crc = malloc(table);
    if (!crc)
        abort();
    r = part_table_parse(&header, bytes + size - table, crc, &err);
    if (right && r < 0)
        abort();
    free(crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes;

    if (size == 0)
        return 0;
    bytes = malloc(size); /* of the exact size, for ASan; size 1 asks for a byte that is not used */
    if (!bytes)
        abort();
    memcpy(bytes, data + 1, size - 1);
    parse(bytes, size - 1, data[0] & 1);
    free(bytes);
    return 0;
}
