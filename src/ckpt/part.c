#include "ckpt/part.h"

#include "base/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "items are written as they lie in memory");

#define MAGIC           "FLCKPART"
#define SLICE_BYTES_MIN 4096
#define SLICE_BYTES_MAX ((uint32_t)64 << 20)

enum place {
    AT_MAGIC = 0,
    AT_VERSION = 8,
    AT_SLICE_BYTES = 12,
    AT_STEP = 16,
    AT_RANK = 24,
    AT_RANKS = 28,
    AT_ITEMS = 32,
    AT_BEGIN = 40,
    AT_END = 48,
    AT_VECTOR_COUNT = 56,
    AT_VECTORS = 64,
    AT_CRC = PART_HEADER_BYTES - 4
};

static void put32(uint8_t *bytes, uint32_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

static void put64(uint8_t *bytes, uint64_t value)
{
    memcpy(bytes, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

void part_header_put(const struct part_header *header, uint8_t out[PART_HEADER_BYTES])
{
    memset(out, 0, PART_HEADER_BYTES);
    memcpy(out + AT_MAGIC, MAGIC, strlen(MAGIC));
    put32(out + AT_VERSION, PART_VERSION);
    put32(out + AT_SLICE_BYTES, header->slice_bytes);
    put64(out + AT_STEP, (uint64_t)header->step);
    put32(out + AT_RANK, header->rank);
    put32(out + AT_RANKS, header->ranks);
    put64(out + AT_ITEMS, header->items);
    put64(out + AT_BEGIN, header->begin);
    put64(out + AT_END, header->end);
    put32(out + AT_VECTOR_COUNT, header->vector_count);
    memcpy(out + AT_VECTORS, header->vectors, header->vector_count * PART_NAME_MAX);
    put32(out + AT_CRC, crc32c(0, out, AT_CRC));
}

static int check_numbers(const struct part_header *header, struct err *err)
{
    uint32_t slice = header->slice_bytes;

    if (header->step < 0 || header->ranks == 0 || header->rank >= header->ranks)
        return err_set(err, -EBADMSG, "its header is of no step or rank");
    if (header->items > PART_ITEMS_MAX || header->begin > header->end ||
        header->end > header->items)
        return err_set(err, -EBADMSG,
                       "its header has the items %" PRIu64 " to %" PRIu64 " of %" PRIu64,
                       header->begin, header->end, header->items);
    if (slice < SLICE_BYTES_MIN || slice > SLICE_BYTES_MAX || (slice & (slice - 1)) != 0)
        return err_set(err, -EBADMSG, "its header has slices of %" PRIu32 " bytes", slice);
    if (header->vector_count == 0 || header->vector_count > CKPT_VECTORS_MAX)
        return err_set(err, -EBADMSG, "its header has %" PRIu32 " vectors", header->vector_count);
    for (uint32_t i = 0; i < header->vector_count; i++)
        if (header->vectors[i][0] == '\0' || !memchr(header->vectors[i], '\0', PART_NAME_MAX))
            return err_set(err, -EBADMSG, "its header has a vector without a name");
    return 0;
}

int part_header_parse(const uint8_t *bytes, size_t len, uint64_t file_bytes,
                      struct part_header *out, struct err *err)
{
    struct part_header header = {0};
    uint64_t want;
    int r;

    if (len < AT_VERSION + 4 || memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
        return err_set(err, -EBADMSG, "it is no part of a checkpoint");
    if (get32(bytes + AT_VERSION) > PART_VERSION)
        return err_set(err, -EBADMSG,
                       "a newer firstlight wrote it: it has version %" PRIu32 ", known is %d",
                       get32(bytes + AT_VERSION), PART_VERSION);
    if (len < PART_HEADER_BYTES)
        return err_set(err, -EBADMSG, "it is cut off in its header");
    if (get32(bytes + AT_CRC) != crc32c(0, bytes, AT_CRC))
        return err_set(err, -EBADMSG, "its header is damaged");
    header.slice_bytes = get32(bytes + AT_SLICE_BYTES);
    header.step = (int64_t)get64(bytes + AT_STEP);
    header.rank = get32(bytes + AT_RANK);
    header.ranks = get32(bytes + AT_RANKS);
    header.items = get64(bytes + AT_ITEMS);
    header.begin = get64(bytes + AT_BEGIN);
    header.end = get64(bytes + AT_END);
    header.vector_count = get32(bytes + AT_VECTOR_COUNT);
    memcpy(header.vectors, bytes + AT_VECTORS, sizeof(header.vectors));
    r = check_numbers(&header, err);
    if (r < 0)
        return r;
    want = part_table_at(&header) + part_table_bytes(&header);
    if (want != file_bytes)
        return err_set(err, -EBADMSG, "it has %" PRIu64 " bytes, not the %" PRIu64 " of its header",
                       file_bytes, want);
    *out = header;
    return 0;
}

uint64_t part_vector_bytes(const struct part_header *header)
{
    return (header->end - header->begin) * sizeof(float);
}

uint64_t part_vector_slices(const struct part_header *header)
{
    return (part_vector_bytes(header) + header->slice_bytes - 1) / header->slice_bytes;
}

uint64_t part_slice_at(const struct part_header *header, size_t vector, uint64_t slice)
{
    return PART_HEADER_BYTES + vector * part_vector_bytes(header) + slice * header->slice_bytes;
}

size_t part_slice_bytes(const struct part_header *header, uint64_t slice)
{
    uint64_t left = part_vector_bytes(header) - slice * header->slice_bytes;

    return left < header->slice_bytes ? (size_t)left : header->slice_bytes;
}

uint64_t part_table_at(const struct part_header *header)
{
    return PART_HEADER_BYTES + header->vector_count * part_vector_bytes(header);
}

uint64_t part_table_bytes(const struct part_header *header)
{
    return (header->vector_count * part_vector_slices(header) + 1) * sizeof(uint32_t);
}

void part_table_put(const struct part_header *header, const uint32_t *crc, uint8_t *out)
{
    size_t bytes = (size_t)part_table_bytes(header) - sizeof(uint32_t);

    if (bytes > 0)
        memcpy(out, crc, bytes);
    put32(out + bytes, crc32c(0, out, bytes));
}

int part_table_parse(const struct part_header *header, const uint8_t *bytes, uint32_t *crc,
                     struct err *err)
{
    size_t len = (size_t)part_table_bytes(header) - sizeof(uint32_t);

    if (get32(bytes + len) != crc32c(0, bytes, len))
        return err_set(err, -EBADMSG, "its table of checksums is damaged");
    memcpy(crc, bytes, len);
    return 0;
}
