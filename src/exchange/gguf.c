#include "exchange/gguf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define ALIGN_MAX 65536

/* Bytes of an item; 0: it has a length of its own. */
static const uint8_t item_bytes[GGUF_TYPES] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8};

/* ggml's numbers for what tensors are stored as. */
static const struct {
    uint32_t number;
    enum stored type;
} tensor_types[] = {{0, STORED_F32}, {1, STORED_F16}, {30, STORED_BF16}};

struct cursor {
    struct str rest;
    size_t len; /* of the whole */
    bool whole; /* the rest is all that the file has */
    struct err *err;
};

static size_t place(const struct cursor *cursor)
{
    return cursor->len - cursor->rest.len;
}

/* The code stands here in plain sight, so that a compiler sees that what was not read is not used.
 */
static int cut_off(const struct cursor *cursor)
{
    if (cursor->whole)
        (void)err_set(cursor->err, -EINVAL, "it is cut off at byte %zu", cursor->len);
    else
        (void)err_set(cursor->err, -EINVAL, "its header has more than %zu MiB",
                      GGUF_HEADER_MAX >> 20);
    return -EINVAL;
}

static int get(struct cursor *cursor, void *out, size_t bytes)
{
    if (cursor->rest.len < bytes)
        return cut_off(cursor);
    memcpy(out, cursor->rest.p, bytes);
    cursor->rest = str_skip(cursor->rest, bytes);
    return 0;
}

static int get_slice(struct cursor *cursor, uint64_t bytes, struct str *out)
{
    if (cursor->rest.len < bytes)
        return cut_off(cursor);
    *out = (struct str){cursor->rest.p, (size_t)bytes};
    cursor->rest = str_skip(cursor->rest, (size_t)bytes);
    return 0;
}

static int get_text(struct cursor *cursor, struct str *out)
{
    uint64_t len;
    int r = get(cursor, &len, sizeof(len));

    return r < 0 ? r : get_slice(cursor, len, out);
}

/* `count` items behind each other. */
static int get_items(struct cursor *cursor, enum gguf_type type, uint64_t count, struct str *out)
{
    const char *begin = cursor->rest.p;
    struct str text;
    int r = 0;

    if (type != GGUF_STRING)
        return count > cursor->rest.len ? cut_off(cursor)
                                        : get_slice(cursor, count * item_bytes[type], out);
    for (uint64_t i = 0; i < count && r == 0; i++)
        r = get_text(cursor, &text); /* each takes 8 bytes and more, so `count` is bounded */
    *out = str_range(begin, cursor->rest.p);
    return r;
}

static int get_type(struct cursor *cursor, struct str key, enum gguf_type *out)
{
    uint32_t type;
    int r = get(cursor, &type, sizeof(type));

    if (r < 0)
        return r;
    if (type >= GGUF_TYPES)
        return err_set(cursor->err, -EINVAL, "the key %.*s has the unknown type %" PRIu32,
                       (int)(key.len < 80 ? key.len : 80), key.p, type);
    *out = (enum gguf_type)type;
    return 0;
}

static int get_value(struct cursor *cursor, struct gguf_value *out)
{
    int r = get_text(cursor, &out->key);

    if (r == 0)
        r = get_type(cursor, out->key, &out->type);
    out->array = out->type == GGUF_ARRAY;
    out->count = 1;
    if (r == 0 && out->array) {
        r = get_type(cursor, out->key, &out->type);
        if (r == 0 && out->type == GGUF_ARRAY)
            r = err_set(cursor->err, -EINVAL, "the key %.*s is an array of arrays",
                        (int)(out->key.len < 80 ? out->key.len : 80), out->key.p);
        if (r == 0)
            r = get(cursor, &out->count, sizeof(out->count));
    }
    return r < 0 ? r : get_items(cursor, out->type, out->count, &out->bytes);
}

static int get_tensor_type(struct cursor *cursor, struct tensor *out)
{
    uint32_t number;
    int r = get(cursor, &number, sizeof(number));

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(tensor_types); i++)
        if (tensor_types[i].number == number) {
            out->type = tensor_types[i].type;
            return 0;
        }
    return err_set(cursor->err, -EINVAL,
                   "%s is stored as ggml's type %" PRIu32 "; F32, F16 and BF16 can be read",
                   out->name, number);
}

static int get_tensor(struct cursor *cursor, struct tensor *out)
{
    uint64_t shape[TENSOR_DIMS_MAX] = {1, 1, 1, 1}, count;
    struct str name;
    uint32_t dims;
    int r = get_text(cursor, &name);

    if (r < 0)
        return r;
    if (name.len == 0 || name.len >= sizeof(out->name) || memchr(name.p, '\0', name.len))
        return err_set(cursor->err, -EINVAL, "a tensor's name can't have %zu bytes", name.len);
    memcpy(out->name, name.p, name.len);
    out->name[name.len] = '\0';
    r = get(cursor, &dims, sizeof(dims));
    if (r == 0 && (dims == 0 || dims > TENSOR_DIMS_MAX))
        r = err_set(cursor->err, -EINVAL, "%s has %" PRIu32 " dimensions", out->name, dims);
    for (uint32_t i = 0; i < dims && r == 0; i++)
        r = get(cursor, &shape[i], sizeof(shape[i]));
    if (r == 0)
        r = get_tensor_type(cursor, out);
    if (r == 0)
        r = get(cursor, &out->at, sizeof(out->at));
    if (r < 0)
        return r;
    out->dims = dims;
    for (uint32_t i = 0; i < TENSOR_DIMS_MAX; i++)
        out->shape[i] = i < dims ? shape[dims - 1 - i] : 1; /* ggml counts from the dense end */
    if (!tensor_count(out->shape, dims, &count))
        return err_set(cursor->err, -EINVAL, "%s is too large", out->name);
    out->bytes = count * stored_bytes(out->type);
    return 0;
}

static int check_places(struct gguf *gguf, uint64_t header, uint64_t file_bytes, struct err *err)
{
    int64_t align = GGUF_ALIGN;
    uint64_t data;

    if (gguf_find(gguf, "general.alignment") &&
        (!gguf_integer(gguf_find(gguf, "general.alignment"), 0, &align) || align < 1 ||
         align > ALIGN_MAX || (align & (align - 1)) != 0))
        return err_set(err, -EINVAL, "general.alignment is no power of two up to %d", ALIGN_MAX);
    data = (header + (uint64_t)align - 1) / (uint64_t)align * (uint64_t)align;
    for (size_t i = 0; i < gguf->tensors.list.count; i++) {
        struct tensor *tensor = &gguf->tensors.list.items[i];

        if (tensor->at % (uint64_t)align != 0 || data > file_bytes ||
            tensor->at > file_bytes - data || tensor->bytes > file_bytes - data - tensor->at)
            return err_set(err, -EINVAL, "%s does not lie in the file, which may be cut off",
                           tensor->name);
        tensor->at += data;
    }
    return 0;
}

static int parse(struct cursor *cursor, uint64_t file_bytes, struct gguf *out)
{
    uint64_t tensors, values;
    uint32_t version;
    char magic[4];
    int r = get(cursor, magic, sizeof(magic));

    if (r < 0 || memcmp(magic, GGUF_MAGIC, sizeof(magic)) != 0)
        return err_set(cursor->err, -EINVAL, "it is no GGUF file");
    r = get(cursor, &version, sizeof(version));
    if (r == 0 && (version < 2 || version > GGUF_VERSION))
        r = err_set(cursor->err, -EINVAL, "it has GGUF's version %" PRIu32 "; 2 and 3 can be read",
                    version);
    if (r == 0)
        r = get(cursor, &tensors, sizeof(tensors));
    if (r == 0)
        r = get(cursor, &values, sizeof(values));
    if (r == 0 && (tensors > TENSORS_MAX || values > GGUF_KEYS_MAX))
        r = err_set(cursor->err, -EINVAL,
                    "it says that it has %" PRIu64 " tensors and %" PRIu64 " keys", tensors,
                    values);
    for (uint64_t i = 0; r == 0 && i < values; i++) {
        struct gguf_value *value = vec_push(&out->values);

        r = value ? get_value(cursor, value) : -ENOMEM;
    }
    for (uint64_t i = 0; r == 0 && i < tensors; i++) {
        struct tensor *tensor = vec_push(&out->tensors.list);

        r = tensor ? get_tensor(cursor, tensor) : -ENOMEM;
    }
    return r < 0 ? r : check_places(out, place(cursor), file_bytes, cursor->err);
}

int gguf_parse(const char *bytes, size_t len, uint64_t file_bytes, struct gguf *out,
               struct err *err)
{
    struct cursor cursor = {{bytes, len}, len, len == file_bytes, err};
    int r;

    *out = (struct gguf){0};
    r = parse(&cursor, file_bytes, out);
    if (r < 0)
        gguf_done(out);
    return r == -ENOMEM ? err_set(err, r, "no memory for its keys") : r;
}

void gguf_done(struct gguf *gguf)
{
    vec_done(&gguf->values);
    vec_done(&gguf->tensors.list);
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    for (size_t i = 0; i < gguf->values.count; i++)
        if (str_is(gguf->values.items[i].key, key))
            return &gguf->values.items[i];
    return NULL;
}

bool gguf_integer(const struct gguf_value *value, uint64_t index, int64_t *out)
{
    uint64_t bits = 0;
    size_t bytes;

    if (!value || index >= value->count || value->type == GGUF_STRING || value->type == GGUF_F32 ||
        value->type == GGUF_F64)
        return false;
    bytes = item_bytes[value->type];
    memcpy(&bits, value->bytes.p + index * bytes, bytes);
    if (value->type == GGUF_I8)
        *out = (int8_t)bits;
    else if (value->type == GGUF_I16)
        *out = (int16_t)bits;
    else if (value->type == GGUF_I32)
        *out = (int32_t)bits;
    else
        *out = (int64_t)bits;
    return value->type != GGUF_U64 || bits <= INT64_MAX;
}

bool gguf_number(const struct gguf_value *value, uint64_t index, double *out)
{
    int64_t whole;
    float narrow;

    if (!value || index >= value->count)
        return false;
    if (value->type == GGUF_F32) {
        memcpy(&narrow, value->bytes.p + index * sizeof(narrow), sizeof(narrow));
        *out = (double)narrow;
        return true;
    }
    if (value->type == GGUF_F64) {
        memcpy(out, value->bytes.p + index * sizeof(*out), sizeof(*out));
        return true;
    }
    if (!gguf_integer(value, index, &whole))
        return false;
    *out = (double)whole;
    return true;
}

bool gguf_text(const struct gguf_value *value, struct str *out)
{
    if (!value || value->type != GGUF_STRING || value->array)
        return false;
    *out = str_skip(value->bytes, 8); /* its length */
    return true;
}

uint32_t gguf_tensor_type(enum stored type)
{
    for (size_t i = 0; i < ARRAY_LEN(tensor_types); i++)
        if (tensor_types[i].type == type)
            return tensor_types[i].number;
    return 0;
}
