#include "exchange/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

static const struct {
    const char *name;
    enum stored type;
} types[] = {{"F32", STORED_F32}, {"F16", STORED_F16}, {"BF16", STORED_BF16}};

static int parse_type(const char *name, const json_t *value, enum stored *out, struct err *err)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text && i < ARRAY_LEN(types); i++)
        if (strcmp(text, types[i].name) == 0) {
            *out = types[i].type;
            return 0;
        }
    return err_set(err, -EINVAL, "%s has the dtype %.40s; F32, BF16 and F16 can be read", name,
                   text ? text : "that is no text");
}

/* A whole number of at least 0. */
static bool get_size(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static int parse_shape(const json_t *value, struct tensor *tensor, struct err *err)
{
    size_t dims = json_array_size(value);

    if (!json_is_array(value) || dims > TENSOR_DIMS_MAX)
        return err_set(err, -EINVAL, "%s has a shape of other than up to %d dimensions",
                       tensor->name, TENSOR_DIMS_MAX);
    tensor->dims = dims;
    for (size_t i = 0; i < TENSOR_DIMS_MAX; i++)
        tensor->shape[i] = 1;
    for (size_t i = 0; i < dims; i++)
        if (!get_size(json_array_get(value, i), &tensor->shape[i]))
            return err_set(err, -EINVAL, "%s has a shape that is not of whole numbers",
                           tensor->name);
    return 0;
}

/* begin and end are of the bytes behind the header. */
static int parse_tensor(const char *name, const json_t *value, uint64_t data_bytes,
                        struct tensor *out, struct err *err)
{
    const json_t *offsets = json_object_get(value, "data_offsets");
    uint64_t begin, end, count;
    int r;

    if (strlen(name) >= sizeof(out->name) || !name[0])
        return err_set(err, -EINVAL, "a tensor's name has more than %zu bytes, or none",
                       sizeof(out->name) - 1);
    (void)memcpy(out->name, name, strlen(name) + 1);
    if (!json_is_object(value))
        return err_set(err, -EINVAL, "%s is not described by an object", name);
    r = parse_type(name, json_object_get(value, "dtype"), &out->type, err);
    if (r == 0)
        r = parse_shape(json_object_get(value, "shape"), out, err);
    if (r < 0)
        return r;
    if (json_array_size(offsets) != 2 || !get_size(json_array_get(offsets, 0), &begin) ||
        !get_size(json_array_get(offsets, 1), &end) || begin > end || end > data_bytes)
        return err_set(err, -EINVAL, "%s has data_offsets that do not lie in the file", name);
    if (!tensor_count(out->shape, out->dims, &count) ||
        end - begin != count * stored_bytes(out->type))
        return err_set(err, -EINVAL, "%s has %" PRIu64 " bytes, which is not what its shape takes",
                       name, end - begin);
    out->at = begin;
    out->bytes = end - begin;
    return 0;
}

static int check_metadata(const json_t *value, struct err *err)
{
    const char *key;
    json_t *text;

    if (!json_is_object(value))
        return err_set(err, -EINVAL, "__metadata__ is no object");
    json_object_foreach((json_t *)value, key, text) if (!json_is_string(text)) return err_set(
        err, -EINVAL, "__metadata__ holds something that is no text");
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Without holes or overlaps, to the end. */
static int check_places(struct tensor *items, size_t count, uint64_t data_bytes, struct err *err)
{
    uint64_t at = 0;

    if (count > 0)
        qsort(items, count, sizeof(*items), by_place);
    for (size_t i = 0; i < count; i++) {
        if (items[i].at != at)
            return err_set(err, -EINVAL, "%s begins at byte %" PRIu64 ", but %" PRIu64 " is next",
                           items[i].name, items[i].at, at);
        at += items[i].bytes;
    }
    if (at != data_bytes)
        return err_set(err, -EINVAL, "its tensors have %" PRIu64 " bytes, the file has %" PRIu64,
                       at, data_bytes);
    return 0;
}

static int parse_all(const json_t *root, uint64_t data_at, uint64_t data_bytes, size_t file,
                     struct tensors *out, struct err *err)
{
    size_t first = out->list.count, count;
    struct tensor *tensors;
    const char *name;
    json_t *value;
    int r = 0;

    if (!json_is_object(root))
        return err_set(err, -EINVAL, "its header is no JSON object");
    if (json_object_size(root) > TENSORS_MAX)
        return err_set(err, -EINVAL, "it has more than %zu tensors", TENSORS_MAX);
    json_object_foreach((json_t *)root, name, value)
    {
        struct tensor *tensor;

        if (strcmp(name, "__metadata__") == 0) {
            r = check_metadata(value, err);
        } else {
            tensor = vec_push(&out->list);
            r = tensor ? parse_tensor(name, value, data_bytes, tensor, err) : -ENOMEM;
        }
        if (r < 0)
            return r;
    }
    count = out->list.count - first;
    tensors = count ? &out->list.items[first] : NULL;
    r = check_places(tensors, count, data_bytes, err);
    for (size_t i = 0; i < count; i++) {
        tensors[i].at += data_at;
        tensors[i].file = file;
    }
    return r;
}

int safetensors_parse(const char *json, size_t len, uint64_t file_bytes, size_t file,
                      struct tensors *out, struct err *err)
{
    size_t before = out->list.count;
    json_error_t why;
    json_t *root;
    int r;

    if (len > SAFETENSORS_HEADER_MAX || file_bytes < 8 || file_bytes - 8 < len)
        return err_set(err, -EINVAL, "its header's length is %zu bytes: it is no safetensors file",
                       len);
    root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return err_set(err, -EINVAL, "its header is no JSON: %.100s at byte %d", why.text,
                       why.position);
    r = parse_all(root, 8 + len, file_bytes - 8 - len, file, out, err);
    json_decref(root);
    if (r < 0)
        out->list.count = before;
    return r == -ENOMEM ? err_set(err, r, "no memory for its tensors") : r;
}

/* Names of ours need no escapes, and a shape is digits: so it is text. */
int safetensors_header(const struct pieces *pieces, size_t begin, size_t end, enum stored type,
                       struct buf *out)
{
    uint64_t at = 0, len;

    buf_add(out, "\0\0\0\0\0\0\0\0", 8);
    buf_puts(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = begin; i < end; i++) {
        const struct piece *piece = &pieces->list.items[i];
        uint64_t bytes = piece->matrices * piece->rows * piece->columns * stored_bytes(type);

        buf_printf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", piece->names[0], types[type].name);
        for (size_t k = 0; k < piece->dims; k++)
            buf_printf(out, "%s%" PRIu64, k ? "," : "", piece->shape[k]);
        buf_printf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + bytes);
        at += bytes;
    }
    buf_puts(out, "}");
    while (out->len % 8 != 0)
        buf_puts(out, " "); /* so that numbers begin where a load likes them */
    if (out->failed)
        return -ENOMEM;
    len = out->len - 8;
    memcpy(out->p, &len, sizeof(len));
    return len > SAFETENSORS_HEADER_MAX ? -EFBIG : 0;
}
