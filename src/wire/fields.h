/* wire/fields - the table behind wire/message: which fields each message has, in wire order. */
#ifndef WIRE_FIELDS_H
#define WIRE_FIELDS_H

#include "wire/message.h"

enum field_kind {
    FIELD_BOOL, /* u8, 0 or 1 */
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_TEXT,
    FIELD_BYTES, /* as text on the wire; printed as its length alone: binary, or not for logs */
    FIELD_TEXTS,
    FIELD_I64S,
    FIELD_F64S,
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* in struct message */
};

struct message_shape {
    const char *name;
    const struct field *fields;
    size_t count;
};

/* NULL for an id that no message has. */
const struct message_shape *message_shape(unsigned id);

#endif
