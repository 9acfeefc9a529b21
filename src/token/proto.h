/* token/proto - protobuf's wire format, as much of it as a tokenizer's model needs. */
#ifndef TOKEN_PROTO_H
#define TOKEN_PROTO_H

#include "base/str.h"

enum proto_type { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_field {
    uint32_t number;
    enum proto_type type;
    uint64_t value;   /* of all types but PROTO_BYTES */
    struct str bytes; /* of PROTO_BYTES; inside the message */
};

/* Cut the next field off *rest. Returns 1, 0 at the end, or -EINVAL: no message. */
int proto_next(struct str *rest, struct proto_field *field);

/* The 32 bits of a PROTO_FIXED32 as a number. */
float proto_float(const struct proto_field *field);

void proto_put_varint(struct buf *out, uint32_t number, uint64_t value);
void proto_put_float(struct buf *out, uint32_t number, float value);
void proto_put_bytes(struct buf *out, uint32_t number, struct str bytes);

#endif
