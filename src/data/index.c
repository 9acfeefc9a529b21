#include "data/index.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define FORMAT     "firstlight tokens"
#define TAIL       ",\n \"crc32c\": \"%08" PRIx32 "\"\n}\n"
#define TAIL_BYTES (sizeof(",\n \"crc32c\": \"01234567\"\n}\n") - 1)

void data_index_done(struct data_index *index)
{
    for (size_t i = 0; i < DATA_SPLITS; i++)
        vec_done(&index->splits[i].shards);
    for (size_t i = 0; i < index->paths.count; i++)
        free(index->paths.items[i].path);
    vec_done(&index->paths);
}

size_t data_token_bytes(const struct data_index *index)
{
    return index->vocab <= 65536 ? 2 : 4;
}

const char *data_split_name(enum data_split split)
{
    return split == DATA_TRAIN ? "train" : "held_out";
}

char *data_shard_path(const char *folder, enum data_split split, size_t shard, bool ends)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s-%05zu.%s", folder, data_split_name(split), shard,
                    ends ? "ends" : "tokens") < 0
               ? NULL
               : path;
}

/* Numbers of one object, from a table: the same rows write and read it. */
enum number_type { U64, U64_OR_0, I32, REAL, HEX64, HEX32 };

struct number {
    const char *key;
    enum number_type type;
    size_t offset;
};

static const struct number index_numbers[] = {
    {"tokenizer_hash", HEX64, offsetof(struct data_index, tokenizer_hash)},
    {"tokenizer_crc32c", HEX32, offsetof(struct data_index, tokenizer_crc)},
    {"tokenizer_bytes", U64, offsetof(struct data_index, tokenizer_bytes)},
    {"vocabulary", U64, offsetof(struct data_index, vocab)},
    {"bos", I32, offsetof(struct data_index, bos)},
    {"eos", I32, offsetof(struct data_index, eos)},
    {"pad", I32, offsetof(struct data_index, pad)},
    {"shard_tokens", U64, offsetof(struct data_index, shard_tokens)},
    {"held_out_part", REAL, offsetof(struct data_index, held_out)},
    {"empty_documents", U64, offsetof(struct data_index, empty_documents)},
    {"broken_lines", U64_OR_0, offsetof(struct data_index, broken_lines)}, /* older have none */
};
static const struct number place_numbers[] = {
    {"file", U64, offsetof(struct data_place, file)},
    {"offset", U64, offsetof(struct data_place, offset)},
    {"ordinal", U64, offsetof(struct data_place, ordinal)},
};
static const struct number split_numbers[] = {
    {"tokens", U64, offsetof(struct data_split_index, tokens)},
    {"documents", U64, offsetof(struct data_split_index, documents)},
    {"text_bytes", U64, offsetof(struct data_split_index, text_bytes)},
};
static const struct number shard_numbers[] = {
    {"tokens", U64, offsetof(struct data_shard, tokens)},
    {"documents", U64, offsetof(struct data_shard, documents)},
    {"crc32c", HEX32, offsetof(struct data_shard, crc)},
    {"ends_crc32c", HEX32, offsetof(struct data_shard, ends_crc)},
};
static const struct number path_numbers[] = {
    {"files", U64, offsetof(struct data_path, files)},
    {"text_bytes", U64, offsetof(struct data_path, text_bytes)},
    {"documents", U64, offsetof(struct data_path, documents)},
    {"tokens", U64, offsetof(struct data_path, tokens)},
};

static json_t *hex_json(const char *format, uint64_t value)
{
    char text[20];

    (void)snprintf(text, sizeof(text), format, value);
    return json_string(text);
}

static json_t *number_json(const struct number *row, const void *object)
{
    const void *at = (const char *)object + row->offset;

    switch (row->type) {
    case U64:
    case U64_OR_0:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case I32:
        return json_integer(*(const int32_t *)at);
    case REAL:
        return json_real(*(const double *)at);
    case HEX64:
        return hex_json("%016" PRIx64, *(const uint64_t *)at);
    case HEX32:
        return hex_json("%08" PRIx64, *(const uint32_t *)at);
    }
    return NULL;
}

/* A new object; json_* take NULL for what there was no memory for, and answer -1. */
static json_t *numbers_json(const struct number *rows, size_t count, const void *object)
{
    json_t *json = json_object();

    for (size_t i = 0; i < count; i++)
        if (json_object_set_new(json, rows[i].key, number_json(&rows[i], object)) < 0) {
            json_decref(json);
            return NULL;
        }
    return json;
}

static json_t *split_json(const struct data_split_index *split)
{
    json_t *json = numbers_json(split_numbers, ARRAY_LEN(split_numbers), split),
           *shards = json_array();
    int r = 0;

    for (size_t i = 0; i < split->shards.count; i++)
        r |= json_array_append_new(
            shards, numbers_json(shard_numbers, ARRAY_LEN(shard_numbers), &split->shards.items[i]));
    if (json_object_set_new(json, "shards", shards) < 0 || r < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *paths_json(const struct data_index *index)
{
    json_t *json = json_array();
    int r = 0;

    for (size_t i = 0; i < index->paths.count; i++) {
        const struct data_path *path = &index->paths.items[i];
        json_t *one = numbers_json(path_numbers, ARRAY_LEN(path_numbers), path);

        r |= json_object_set_new(one, "path", json_string(path->path));
        r |= json_array_append_new(json, one);
    }
    if (r < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *index_json(const struct data_index *index)
{
    json_t *json = json_object(),
           *more = numbers_json(index_numbers, ARRAY_LEN(index_numbers), index);
    int r = json_object_set_new(json, "format", json_string(FORMAT));

    r |= json_object_set_new(json, "version", json_integer(DATA_VERSION));
    r |= more ? json_object_update(json, more) : -1;
    json_decref(more);
    for (size_t i = 0; i < DATA_SPLITS; i++)
        r |= json_object_set_new(json, data_split_name((enum data_split)i),
                                 split_json(&index->splits[i]));
    r |= json_object_set_new(json, "sources", paths_json(index));
    r |= json_object_set_new(json, "place",
                             numbers_json(place_numbers, ARRAY_LEN(place_numbers), &index->place));
    if (r < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

int data_index_write(const char *folder, const char *name, const struct data_index *index,
                     struct err *err)
{
    json_t *json = index_json(index);
    char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL,
         *path = NULL;
    struct buf out = {0};
    int r;

    json_decref(json);
    if (text && asprintf(&path, "%s/%s", folder, name) >= 0) {
        buf_add(&out, text, strlen(text) - strlen("\n}"));
        buf_printf(&out, TAIL, crc32c(0, out.p, out.len));
    }
    r = path && out.p && !out.failed ? file_write(path, out.p, out.len, err)
                                     : err_set(err, -ENOMEM, "%s: no memory to write it", name);
    buf_done(&out);
    free(text);
    free(path);
    return r;
}

/* The last member, which sums up all before it. */
static bool tail_is_right(const char *text, size_t len)
{
    char want[TAIL_BYTES + 1];

    if (len < TAIL_BYTES)
        return false;
    (void)snprintf(want, sizeof(want), TAIL, crc32c(0, text, len - TAIL_BYTES));
    return memcmp(want, text + len - TAIL_BYTES, TAIL_BYTES) == 0;
}

static int read_hex(const json_t *json, uint64_t *out)
{
    const char *text = json_string_value(json);

    return text ? str_to_u64(str_of(text), 16, out) : -EINVAL;
}

static int read_number(const struct number *row, const json_t *json, void *object)
{
    void *at = (char *)object + row->offset;
    json_int_t integer = json_integer_value(json);
    uint64_t hex;

    if (row->type == U64_OR_0 && !json) {
        *(uint64_t *)at = 0;
        return 0;
    }
    switch (row->type) {
    case U64:
    case U64_OR_0:
        *(uint64_t *)at = (uint64_t)integer;
        return json_is_integer(json) && integer >= 0 ? 0 : -EINVAL;
    case I32:
        *(int32_t *)at = (int32_t)integer;
        return json_is_integer(json) && integer >= -1 && integer <= INT32_MAX ? 0 : -EINVAL;
    case REAL:
        *(double *)at = json_number_value(json);
        return json_is_number(json) ? 0 : -EINVAL;
    case HEX64:
        return read_hex(json, at);
    case HEX32:
        if (read_hex(json, &hex) < 0 || hex > UINT32_MAX)
            return -EINVAL;
        *(uint32_t *)at = (uint32_t)hex;
        return 0;
    }
    return -EINVAL;
}

static int read_numbers(const struct number *rows, size_t count, const json_t *json, void *object)
{
    for (size_t i = 0; i < count; i++)
        if (read_number(&rows[i], json_object_get(json, rows[i].key), object) < 0)
            return -EBADMSG;
    return 0;
}

static int read_shards(const struct data_index *index, const json_t *json,
                       struct data_split_index *split)
{
    uint64_t tokens = 0, documents = 0;

    if (!json_is_array(json) || json_array_size(json) > DATA_SHARDS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct data_shard *shard = vec_push(&split->shards);

        if (!shard)
            return -ENOMEM;
        if (read_numbers(shard_numbers, ARRAY_LEN(shard_numbers), json_array_get(json, i), shard) <
                0 ||
            shard->tokens > index->shard_tokens || shard->documents > shard->tokens)
            return -EBADMSG;
        /* all but the last are full, so a token's place tells its shard */
        if (i + 1 < json_array_size(json) && shard->tokens != index->shard_tokens)
            return -EBADMSG;
        tokens += shard->tokens;
        documents += shard->documents;
    }
    return tokens == split->tokens && documents == split->documents ? 0 : -EBADMSG;
}

static int read_paths(struct data_index *index, const json_t *json)
{
    if (!json_is_array(json) || json_array_size(json) > DATA_PATHS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *one = json_array_get(json, i);
        const char *text = json_string_value(json_object_get(one, "path"));
        struct data_path *path = vec_push(&index->paths);

        if (!path)
            return -ENOMEM;
        if (!text || read_numbers(path_numbers, ARRAY_LEN(path_numbers), one, path) < 0)
            return -EBADMSG;
        path->path = strdup(text);
        if (!path->path)
            return -ENOMEM;
    }
    return 0;
}

static bool ids_are_right(const struct data_index *index)
{
    int64_t vocab = (int64_t)index->vocab;

    return vocab > 0 && vocab <= INT32_MAX && index->bos < vocab && index->eos < vocab &&
           index->pad < vocab && index->shard_tokens > 0 &&
           index->shard_tokens <= DATA_SHARD_TOKENS_MAX;
}

static int read_index(const json_t *json, struct data_index *index)
{
    int r = read_numbers(index_numbers, ARRAY_LEN(index_numbers), json, index);

    if (r == 0)
        r = read_numbers(place_numbers, ARRAY_LEN(place_numbers), json_object_get(json, "place"),
                         &index->place);
    if (r == 0 && !ids_are_right(index))
        r = -EBADMSG;
    for (size_t i = 0; i < DATA_SPLITS && r == 0; i++) {
        const json_t *split = json_object_get(json, data_split_name((enum data_split)i));

        r = read_numbers(split_numbers, ARRAY_LEN(split_numbers), split, &index->splits[i]);
        if (r == 0)
            r = read_shards(index, json_object_get(split, "shards"), &index->splits[i]);
    }
    return r == 0 ? read_paths(index, json_object_get(json, "sources")) : r;
}

int data_index_parse(const char *name, const char *text, size_t len, struct data_index *out,
                     struct err *err)
{
    struct data_index index = {0};
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(json, "format"));
    json_int_t version = json_integer_value(json_object_get(json, "version"));
    int r;

    if (format && !strcmp(format, FORMAT) && version > DATA_VERSION)
        r = err_set(err, -ENOTSUP, "%s: version %lld of the format; this program knows %d", name,
                    (long long)version, DATA_VERSION);
    else if (!tail_is_right(text, len))
        r = err_set(err, -EBADMSG, "%s: damaged, or not an index of token shards", name);
    else if (!format || strcmp(format, FORMAT) != 0 || version != DATA_VERSION)
        r = err_set(err, -EBADMSG, "%s: not an index of token shards", name);
    else {
        r = read_index(json, &index);
        if (r < 0)
            err_set(err, r, r == -ENOMEM ? "%s: no memory for it" : "%s: it contradicts itself",
                    name);
    }
    json_decref(json);
    if (r < 0)
        data_index_done(&index);
    else
        *out = index;
    return r;
}

int data_index_read(const char *folder, const char *name, struct data_index *out, struct err *err)
{
    char *path = NULL, *text = NULL;
    size_t len;
    int r;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to read it", name);
    r = file_read(path, DATA_INDEX_BYTES_MAX, &text, &len, err);
    if (r == 0)
        r = data_index_parse(path, text, len, out, err);
    free(text);
    free(path);
    return r;
}
