/* token/proto - see proto.h. */
#include "token/proto.h"

#include <errno.h>

#define VARINT_BYTES_MAX 10

static int varint(struct str *rest, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_BYTES_MAX; i++) {
        unsigned char byte = (unsigned char)rest->p[i];

        *value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *rest = str_skip(*rest, i + 1);
            return 0;
        }
    }
    return -EINVAL;
}

static int fixed(struct str *rest, size_t bytes, uint64_t *value)
{
    if (rest->len < bytes)
        return -EINVAL;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)(unsigned char)rest->p[i] << 8 * i;
    *rest = str_skip(*rest, bytes);
    return 0;
}

int proto_next(struct str *rest, struct proto_field *field)
{
    uint64_t key, len;

    if (!rest->len)
        return 0;
    if (varint(rest, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return -EINVAL;
    *field = (struct proto_field){.number = (uint32_t)(key >> 3), .type = key & 7};
    switch (field->type) {
    case PROTO_VARINT:
        return varint(rest, &field->value) < 0 ? -EINVAL : 1;
    case PROTO_FIXED64:
        return fixed(rest, 8, &field->value) < 0 ? -EINVAL : 1;
    case PROTO_FIXED32:
        return fixed(rest, 4, &field->value) < 0 ? -EINVAL : 1;
    case PROTO_BYTES:
        if (varint(rest, &len) < 0 || len > rest->len)
            return -EINVAL;
        field->bytes = (struct str){rest->p, (size_t)len};
        *rest = str_skip(*rest, (size_t)len);
        return 1;
    default:
        return -EINVAL; /* groups, which nobody writes */
    }
}

float proto_float(const struct proto_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void put_varint(struct buf *out, uint64_t value)
{
    do {
        char byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

        buf_add(out, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_key(struct buf *out, uint32_t number, enum proto_type type)
{
    put_varint(out, (uint64_t)number << 3 | type);
}

void proto_put_varint(struct buf *out, uint32_t number, uint64_t value)
{
    put_key(out, number, PROTO_VARINT);
    put_varint(out, value);
}

void proto_put_float(struct buf *out, uint32_t number, float value)
{
    uint32_t bits;
    char bytes[4];

    memcpy(&bits, &value, sizeof(bits));
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(bits >> 8 * i);
    put_key(out, number, PROTO_FIXED32);
    buf_add(out, bytes, sizeof(bytes));
}

void proto_put_bytes(struct buf *out, uint32_t number, struct str bytes)
{
    put_key(out, number, PROTO_BYTES);
    put_varint(out, bytes.len);
    buf_add(out, bytes.p, bytes.len);
}
