#include "measure/fields.h"

#include "measure/metric.h"

#include <errno.h>
#include <math.h>

/* A member that is a number, whatever its type. */
static double number_of(const struct field *field, const char *at)
{
    switch (field->type) {
    case FIELD_BOOL:
        return *(const bool *)at;
    case FIELD_U32:
    case FIELD_CHOICE:
    case FIELD_BITS:
        return *(const uint32_t *)at;
    case FIELD_I32:
        return *(const int32_t *)at;
    case FIELD_U64:
        return (double)*(const uint64_t *)at;
    case FIELD_I64:
        return (double)*(const int64_t *)at;
    case FIELD_REAL:
        return *(const double *)at;
    case FIELD_TEXT:
        return *at != '\0';
    case FIELD_METRIC:
        break;
    }
    return NAN;
}

static json_t *text_to_json(const char *text)
{
    json_t *json = json_string(text);
    struct buf plain = {0};

    if (json)
        return json;
    for (; *text; text++)
        buf_add(&plain, (unsigned char)*text < 0x80 ? text : "?", 1);
    json = plain.failed ? NULL : json_stringn(plain.p, plain.len);
    buf_done(&plain);
    return json;
}

static json_t *bits_to_json(const struct field *field, uint32_t bits)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < (size_t)field->max; i++)
        if (bits >> i & 1 && json_array_append_new(array, json_string(field->word(i))) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *member_to_json(const struct field *field, const char *at)
{
    switch (field->type) {
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_U32:
        return json_integer(*(const uint32_t *)at);
    case FIELD_I32:
        return json_integer(*(const int32_t *)at);
    case FIELD_U64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case FIELD_I64:
        return json_integer(*(const int64_t *)at);
    case FIELD_REAL:
        return json_real(*(const double *)at);
    case FIELD_TEXT:
        return text_to_json(at);
    case FIELD_CHOICE:
        return json_string(field->word(*(const uint32_t *)at));
    case FIELD_BITS:
        return bits_to_json(field, *(const uint32_t *)at);
    case FIELD_METRIC:
        return json_string((*(const struct metric *const *)at)->name);
    }
    return NULL;
}

json_t *fields_to_json(const struct field *fields, size_t count, const void *object)
{
    json_t *json = json_object();

    for (size_t i = 0; json && i < count; i++) {
        const char *at = (const char *)object + fields[i].offset;

        if (!fields[i].needed && number_of(&fields[i], at) == fields[i].absent)
            continue;
        if (json_object_set_new(json, fields[i].key, member_to_json(&fields[i], at)) < 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static void set_number(const struct field *field, char *at, double value)
{
    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)at = value != 0;
        break;
    case FIELD_U32:
    case FIELD_CHOICE:
    case FIELD_BITS:
        *(uint32_t *)at = (uint32_t)value;
        break;
    case FIELD_I32:
        *(int32_t *)at = (int32_t)value;
        break;
    case FIELD_U64:
        *(uint64_t *)at = (uint64_t)value;
        break;
    case FIELD_I64:
        *(int64_t *)at = (int64_t)value;
        break;
    case FIELD_REAL:
        *(double *)at = value;
        break;
    case FIELD_TEXT:
        *at = '\0';
        break;
    case FIELD_METRIC:
        *(const struct metric **)at = NULL;
        break;
    }
}

static int whole_number(const struct field *field, const json_t *json, char *at, struct err *err)
{
    json_int_t value = json_integer_value(json);

    if (!json_is_integer(json) || (double)value < field->least || (double)value > field->max)
        return err_set(err, -EPROTO, "%s is no whole number from %.0f to %.0f", field->key,
                       field->least, field->max);
    if (field->type == FIELD_I64 || field->type == FIELD_U64)
        *(int64_t *)at = value;
    else
        set_number(field, at, (double)value);
    return 0;
}

static int real_number(const struct field *field, const json_t *json, char *at, struct err *err)
{
    double value = json_number_value(json);

    if (!json_is_number(json) || !(value >= field->least && value <= field->max))
        return err_set(err, -EPROTO, "%s is no number from %g to %g", field->key, field->least,
                       field->max);
    *(double *)at = value;
    return 0;
}

static int text(const struct field *field, const json_t *json, char *at, struct err *err)
{
    if (!json_is_string(json) || json_string_length(json) >= (size_t)field->max)
        return err_set(err, -EPROTO, "%s is no text of fewer than %.0f bytes", field->key,
                       field->max);
    memcpy(at, json_string_value(json), json_string_length(json) + 1);
    return 0;
}

/* Index of a word, or a sentence. */
static int word(const struct field *field, const json_t *json, struct err *err)
{
    if (!json_is_string(json))
        return err_set(err, -EPROTO, "%s has what is no text", field->key);
    for (int i = 0; i < (int)field->max; i++)
        if (!strcmp(field->word((size_t)i), json_string_value(json)))
            return i;
    return err_set(err, -EPROTO, "%s: there is no '%.40s'", field->key, json_string_value(json));
}

static int words(const struct field *field, const json_t *json, uint32_t *bits, struct err *err)
{
    *bits = 0;
    if (!json_is_array(json))
        return err_set(err, -EPROTO, "%s is no list", field->key);
    for (size_t i = 0; i < json_array_size(json); i++) {
        int bit = word(field, json_array_get(json, i), err);

        if (bit < 0)
            return bit;
        *bits |= 1u << bit;
    }
    return 0;
}

static int metric(const struct field *field, const json_t *json, const struct metric **out,
                  struct err *err)
{
    const char *name = json_string_value(json);

    *out = name ? metric_find(str_of(name)) : NULL;
    if (*out)
        return 0;
    return err_set(err, -EPROTO, "%s: there is no '%.40s'", field->key, name ? name : "");
}

static int member_from_json(const struct field *field, const json_t *json, char *at,
                            struct err *err)
{
    int r;

    switch (field->type) {
    case FIELD_BOOL:
        if (!json_is_boolean(json))
            return err_set(err, -EPROTO, "%s is neither true nor false", field->key);
        *(bool *)at = json_is_true(json);
        return 0;
    case FIELD_U32:
    case FIELD_I32:
    case FIELD_U64:
    case FIELD_I64:
        return whole_number(field, json, at, err);
    case FIELD_REAL:
        return real_number(field, json, at, err);
    case FIELD_TEXT:
        return text(field, json, at, err);
    case FIELD_CHOICE:
        r = word(field, json, err);
        if (r >= 0)
            *(uint32_t *)at = (uint32_t)r;
        return r < 0 ? r : 0;
    case FIELD_BITS:
        return words(field, json, (uint32_t *)at, err);
    case FIELD_METRIC:
        return metric(field, json, (const struct metric **)at, err);
    }
    return 0;
}

int fields_from_json(const struct field *fields, size_t count, const json_t *json, void *object,
                     struct err *err)
{
    if (!json_is_object(json))
        return err_set(err, -EPROTO, "no JSON object");
    for (size_t i = 0; i < count; i++) {
        char *at = (char *)object + fields[i].offset;
        const json_t *value = json_object_get(json, fields[i].key);
        int r = 0;

        if (value)
            r = member_from_json(&fields[i], value, at, err);
        else if (fields[i].needed)
            r = err_set(err, -EPROTO, "%s is missing", fields[i].key);
        else
            set_number(&fields[i], at, fields[i].absent);
        if (r < 0)
            return r;
    }
    return 0;
}
