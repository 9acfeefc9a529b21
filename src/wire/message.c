#include "wire/message.h"

#include "wire/fields.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>

#define PRINT_TEXT_MAX 120 /* bytes of a text, */
#define PRINT_LIST_MAX 8   /* and items of a list, that a line shows */

const char *message_name(enum message_id id)
{
    const struct message_shape *shape = message_shape(id);

    return shape ? shape->name : "?";
}

/* The three lists look alike but for the type of their items. */
struct list {
    const void *items;
    uint32_t count;
};

_Static_assert(sizeof(struct list) == sizeof(struct text_list) &&
                   sizeof(struct list) == sizeof(struct i64_list) &&
                   sizeof(struct list) == sizeof(struct f64_list),
               "a list is a pointer and a count");

static const void *field_of(const struct message *message, const struct field *field)
{
    return (const char *)message + field->offset;
}

static void put_u32(struct buf *out, uint32_t value)
{
    value = htole32(value);
    buf_add(out, (const char *)&value, sizeof(value));
}

static void put_u64(struct buf *out, uint64_t value)
{
    value = htole64(value);
    buf_add(out, (const char *)&value, sizeof(value));
}

static void put_text(struct buf *out, struct str text)
{
    assert(text.len <= WIRE_MESSAGE_BYTES_MAX);
    put_u32(out, (uint32_t)text.len);
    buf_add(out, text.p, text.len);
}

static void put_list(struct buf *out, enum field_kind kind, const struct list *list)
{
    assert(list->count <= WIRE_LIST_MAX);
    put_u32(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        if (kind == FIELD_TEXTS)
            put_text(out, ((const struct str *)list->items)[i]);
        else /* of a real number, too, the 64 bits are what is sent */
            put_u64(out, ((const uint64_t *)list->items)[i]);
}

static void put_field(struct buf *out, enum field_kind kind, const void *at)
{
    switch (kind) {
    case FIELD_BOOL:
        buf_add(out, *(const bool *)at ? "\1" : "\0", 1);
        break;
    case FIELD_U32:
        put_u32(out, *(const uint32_t *)at);
        break;
    case FIELD_U64:
    case FIELD_I64:
        put_u64(out, *(const uint64_t *)at);
        break;
    case FIELD_TEXT:
    case FIELD_BYTES:
        put_text(out, *(const struct str *)at);
        break;
    case FIELD_TEXTS:
    case FIELD_I64S:
    case FIELD_F64S:
        put_list(out, kind, at);
        break;
    }
}

void message_encode(const struct message *message, struct buf *out)
{
    const struct message_shape *shape = message_shape(message->id);
    char id = (char)message->id;
    size_t before = out->len;

    assert(shape);
    buf_add(out, &id, 1);
    for (size_t i = 0; i < shape->count; i++)
        put_field(out, shape->fields[i].kind, field_of(message, &shape->fields[i]));
    assert(out->failed || out->len - before <= WIRE_MESSAGE_BYTES_MAX);
}

/* What is being taken apart, and where the sentences get their names from. */
struct reader {
    struct arena *arena;
    struct str left;
    const char *message, *field;
    struct err *err;
};

/* The next `bytes`; NULL with a sentence when they are not there. */
static const char *take(struct reader *reader, size_t bytes)
{
    const char *at = reader->left.p;
    size_t missing = bytes - reader->left.len;

    if (bytes > reader->left.len) {
        (void)err_set(reader->err, -EPROTO, "%s: %zu byte%s missing in %s", reader->message,
                      missing, missing == 1 ? " is" : "s are", reader->field);
        return NULL;
    }
    reader->left = str_skip(reader->left, bytes);
    return at;
}

static int take_u32(struct reader *reader, uint32_t *out)
{
    const char *at = take(reader, sizeof(*out));

    if (!at)
        return -EPROTO;
    memcpy(out, at, sizeof(*out));
    *out = le32toh(*out);
    return 0;
}

static int take_u64(struct reader *reader, uint64_t *out)
{
    const char *at = take(reader, sizeof(*out));

    if (!at)
        return -EPROTO;
    memcpy(out, at, sizeof(*out));
    *out = le64toh(*out);
    return 0;
}

static int take_bool(struct reader *reader, bool *out)
{
    const char *at = take(reader, 1);

    if (!at)
        return -EPROTO;
    if (*at != 0 && *at != 1)
        return err_set(reader->err, -EPROTO, "%s: %s is %u, neither 0 nor 1", reader->message,
                       reader->field, (unsigned char)*at);
    *out = *at;
    return 0;
}

static int take_text(struct reader *reader, struct str *out)
{
    uint32_t len;
    int r = take_u32(reader, &len);

    if (r < 0)
        return r;
    out->p = take(reader, len);
    out->len = len;
    return out->p ? 0 : -EPROTO;
}

/* The count is held against the bytes that are left before there is memory for the items. */
static int take_list(struct reader *reader, enum field_kind kind, struct list *out)
{
    size_t wire_bytes = kind == FIELD_TEXTS ? sizeof(uint32_t) : sizeof(uint64_t);
    size_t item_bytes = kind == FIELD_TEXTS ? sizeof(struct str) : sizeof(uint64_t);
    uint32_t count;
    void *items = NULL;
    int r = take_u32(reader, &count);

    if (r < 0)
        return r;
    if (count > WIRE_LIST_MAX)
        return err_set(reader->err, -EPROTO, "%s: %s has %" PRIu32 " items, at most %u may be",
                       reader->message, reader->field, count, WIRE_LIST_MAX);
    if (count > reader->left.len / wire_bytes)
        return err_set(reader->err, -EPROTO, "%s: %s has %" PRIu32 " items in %zu bytes",
                       reader->message, reader->field, count, reader->left.len);
    if (count && !(items = arena_alloc(reader->arena, count * item_bytes)))
        return err_set(reader->err, -ENOMEM, "%s: no memory for the %" PRIu32 " items of %s",
                       reader->message, count, reader->field);
    *out = (struct list){items, count};
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = kind == FIELD_TEXTS ? take_text(reader, (struct str *)items + i)
                                : take_u64(reader, (uint64_t *)items + i);
    return r;
}

static int take_field(struct reader *reader, enum field_kind kind, void *at)
{
    switch (kind) {
    case FIELD_BOOL:
        return take_bool(reader, at);
    case FIELD_U32:
        return take_u32(reader, at);
    case FIELD_U64:
    case FIELD_I64:
        return take_u64(reader, at);
    case FIELD_TEXT:
    case FIELD_BYTES:
        return take_text(reader, at);
    case FIELD_TEXTS:
    case FIELD_I64S:
    case FIELD_F64S:
        return take_list(reader, kind, at);
    }
    return -EINVAL;
}

int message_decode(struct arena *arena, struct str bytes, struct message *out, struct err *err)
{
    struct reader reader = {.arena = arena, .left = str_skip(bytes, 1), .err = err};
    const struct message_shape *shape;
    unsigned id;

    if (!bytes.len)
        return err_set(err, -EPROTO, "a message without a byte");
    if (bytes.len > WIRE_MESSAGE_BYTES_MAX)
        return err_set(err, -EPROTO, "a message of %zu bytes, at most %u may be", bytes.len,
                       WIRE_MESSAGE_BYTES_MAX);
    id = (unsigned char)bytes.p[0];
    shape = message_shape(id);
    if (!shape)
        return err_set(err, -EPROTO, "no message has the id %u", id);
    memset(out, 0, sizeof(*out));
    out->id = (enum message_id)id;
    reader.message = shape->name;
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        int r;

        reader.field = field->name;
        r = take_field(&reader, field->kind, (char *)out + field->offset);
        if (r < 0)
            return r;
    }
    if (reader.left.len)
        return err_set(err, -EPROTO, "%s: %zu byte%s after its last field, %s", shape->name,
                       reader.left.len, reader.left.len == 1 ? " is" : "s are", reader.field);
    return 0;
}

/* A peer's words go to our user's terminal: only printable ASCII as it is. */
static void print_text(struct buf *out, struct str text)
{
    size_t shown = text.len < PRINT_TEXT_MAX ? text.len : PRINT_TEXT_MAX;

    buf_puts(out, "\"");
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            buf_printf(out, "\\x%02x", c);
        else
            buf_add(out, text.p + i, 1);
    }
    buf_puts(out, "\"");
    if (shown < text.len)
        buf_printf(out, "+%zu", text.len - shown);
}

static void print_list(struct buf *out, enum field_kind kind, const struct list *list)
{
    uint32_t shown = list->count < PRINT_LIST_MAX ? list->count : PRINT_LIST_MAX;

    buf_puts(out, "[");
    for (uint32_t i = 0; i < shown; i++) {
        buf_puts(out, i ? " " : "");
        if (kind == FIELD_TEXTS)
            print_text(out, ((const struct str *)list->items)[i]);
        else if (kind == FIELD_I64S)
            buf_printf(out, "%" PRId64, ((const int64_t *)list->items)[i]);
        else
            buf_printf(out, "%g", ((const double *)list->items)[i]);
    }
    buf_puts(out, "]");
    if (shown < list->count)
        buf_printf(out, "+%" PRIu32, list->count - shown);
}

static void print_field(struct buf *out, enum field_kind kind, const void *at)
{
    switch (kind) {
    case FIELD_BOOL:
        buf_puts(out, *(const bool *)at ? "true" : "false");
        break;
    case FIELD_U32:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case FIELD_U64:
        buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case FIELD_I64:
        buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case FIELD_TEXT:
        print_text(out, *(const struct str *)at);
        break;
    case FIELD_BYTES:
        buf_printf(out, "(%zu bytes)", ((const struct str *)at)->len);
        break;
    case FIELD_TEXTS:
    case FIELD_I64S:
    case FIELD_F64S:
        print_list(out, kind, at);
        break;
    }
}

void message_print(const struct message *message, struct buf *out)
{
    const struct message_shape *shape = message_shape(message->id);

    buf_puts(out, message_name(message->id));
    for (size_t i = 0; shape && i < shape->count; i++) {
        buf_printf(out, " %s=", shape->fields[i].name);
        print_field(out, shape->fields[i].kind, field_of(message, &shape->fields[i]));
    }
}
