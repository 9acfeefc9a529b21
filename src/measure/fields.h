/* measure/fields - a struct's members as a JSON object and back, from a table of its rows.
 *
 * What has its `absent` value is not printed, and a key that is not there means it; unknown keys
 * are passed over, so that an older reader understands what it can. */
#ifndef MEASURE_FIELDS_H
#define MEASURE_FIELDS_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_BOOL,
    FIELD_U32,
    FIELD_I32,
    FIELD_U64,
    FIELD_I64,
    FIELD_REAL,
    FIELD_TEXT,   /* char [max] */
    FIELD_CHOICE, /* an enum: the index of one of `max` words */
    FIELD_BITS,   /* uint32_t: an array of such words */
    FIELD_METRIC, /* const struct metric * */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    double least, max; /* of numbers; max of texts in bytes with the NUL, of choices their number */
    double absent;
    bool needed;                       /* always printed, and an error when it is not there */
    const char *(*word)(size_t index); /* of CHOICE and BITS */
};

#define FIELD_AT(type, member) .offset = offsetof(struct type, member)
#define FIELD_TEXT_AT(type, member)                                                                \
    FIELD_AT(type, member), .max = sizeof(((struct type *)NULL)->member)
#define FIELD_WHOLE_MAX 9007199254740992.0 /* 2^53: what JSON's readers agree on */

/* NULL: no memory, or a number that is none (NAN). Text that is not UTF-8 is printed with '?' for
 * each byte that is not ASCII. */
json_t *fields_to_json(const struct field *fields, size_t count, const void *object);

/* Sets every row's member. Returns 0 or -EPROTO: "KEY is not ...". */
int fields_from_json(const struct field *fields, size_t count, const json_t *json, void *object,
                     struct err *err);

#endif
