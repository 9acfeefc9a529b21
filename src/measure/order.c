#include "measure/order.h"

#include "base/clock.h"
#include "measure/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_MAX 9.2e18

static const char *device_word(size_t i)
{
    static const char *const names[DEVICE_KIND_COUNT] = {
        [DEVICE_RDMA] = "rdma", [DEVICE_NET] = "net", [DEVICE_GPU] = "gpu"};

    return names[i];
}

static const char *order_word(size_t i)
{
    static const char *const names[ORDER_KIND_COUNT] = {[ORDER_NODE] = "node",
                                                        [ORDER_PAIR] = "pair",
                                                        [ORDER_CLOCK] = "clock",
                                                        [ORDER_LEAVE] = "leave"};

    return names[i];
}

static const struct field device_fields[] = {
    {"kind", FIELD_CHOICE, FIELD_AT(device, kind), .max = DEVICE_KIND_COUNT, .needed = true,
     .word = device_word},
    {"name", FIELD_TEXT, FIELD_TEXT_AT(device, name), .needed = true},
    {"up", FIELD_BOOL, FIELD_AT(device, up), .needed = true},
    {"rate", FIELD_REAL, FIELD_AT(device, rate), .max = 1e15},
    {"numa", FIELD_I32, FIELD_AT(device, numa), .least = -1, .max = INT32_MAX, .absent = -1},
};

static const struct field card_fields[] = {
    {"host", FIELD_TEXT, FIELD_TEXT_AT(card, host), .needed = true},
    {"ucx", FIELD_TEXT, FIELD_TEXT_AT(card, ucx)},
    {"boot", FIELD_TEXT, FIELD_TEXT_AT(card, boot)},
    {"has_ucx", FIELD_BOOL, FIELD_AT(card, has_ucx), .needed = true},
    {"cpus", FIELD_U32, FIELD_AT(card, cpus), .max = 1000000},
    {"numa_nodes", FIELD_U32, FIELD_AT(card, numa_nodes), .max = 1000000},
};

static const struct field order_fields[] = {
    {"do", FIELD_CHOICE, FIELD_AT(order, kind), .max = ORDER_KIND_COUNT, .needed = true,
     .word = order_word},
    {"tests", FIELD_BITS, FIELD_AT(order, tests), .max = TEST_COUNT, .word = test_word},
    {"limit_ms", FIELD_U32, FIELD_AT(order, limit_ms), .max = ORDER_MS_MAX},
    {"ms", FIELD_U32, FIELD_AT(order, ms), .max = ORDER_MS_MAX},
    {"peer", FIELD_U32, FIELD_AT(order, peer), .max = ORDER_RANKS_MAX},
    {"meeting", FIELD_U32, FIELD_AT(order, meeting), .max = UINT32_MAX},
    {"first", FIELD_BOOL, FIELD_AT(order, first)},
    {"phase", FIELD_CHOICE, FIELD_AT(order, phase), .max = PAIR_PHASES, .word = phase_word},
    {"bandwidth", FIELD_BOOL, FIELD_AT(order, bandwidth)},
    {"both", FIELD_BOOL, FIELD_AT(order, both)},
    {"latency", FIELD_BOOL, FIELD_AT(order, latency)},
    {"latency_bytes", FIELD_U64, FIELD_AT(order, latency_bytes), .max = ORDER_MESSAGE_BYTES_MAX},
    {"device", FIELD_TEXT, FIELD_TEXT_AT(order, device)},
    {"peer_name", FIELD_TEXT, FIELD_TEXT_AT(order, peer_name)},
    {"gpu", FIELD_BOOL, FIELD_AT(order, gpu)},
};

static const struct field answer_fields[] = {
    {"wall_ns", FIELD_I64, FIELD_AT(answer, wall_ns), -NS_MAX, NS_MAX, .needed = true},
    {"mono_ns", FIELD_I64, FIELD_AT(answer, mono_ns), -NS_MAX, NS_MAX, .needed = true},
};

void answer_stamp(struct answer *answer)
{
    answer->wall_ns = clock_wall_ns();
    answer->mono_ns = clock_now_ns();
}

const char *card_key(uint32_t rank, char out[ORDER_KEY_BYTES])
{
    (void)snprintf(out, ORDER_KEY_BYTES, "card/%u", rank);
    return out;
}

const char *order_key(uint32_t rank, uint32_t seq, char out[ORDER_KEY_BYTES])
{
    (void)snprintf(out, ORDER_KEY_BYTES, "order/%u/%u", rank, seq);
    return out;
}

const char *answer_key(uint32_t rank, uint32_t seq, char out[ORDER_KEY_BYTES])
{
    (void)snprintf(out, ORDER_KEY_BYTES, "answer/%u/%u", rank, seq);
    return out;
}

/* Structs of one kind, one behind the other. */
struct list {
    const char *key, *item; /* "measures", "measure" */
    const struct field *fields;
    size_t field_count, bytes, max;
};

static const struct list devices = {
    "devices",       "device", device_fields, ARRAY_LEN(device_fields), sizeof(struct device),
    CARD_DEVICES_MAX};
static const struct list measures = {
    "measures", "measure", measure_rows, MEASURE_ROWS, sizeof(struct measure), ANSWER_MEASURES_MAX};
static const struct list troubles = {
    "troubles",         "trouble", trouble_rows, TROUBLE_ROWS, sizeof(struct fabric_trouble),
    ANSWER_TROUBLES_MAX};

static int add_list(json_t *json, const struct list *list, const void *items, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, fields_to_json(list->fields, list->field_count,
                                                        (const char *)items + i * list->bytes)) <
            0) {
            json_decref(array);
            return -1;
        }
    return json_object_set_new(json, list->key, array);
}

/* Adds the text of `json`, which goes, to *out; `r`: how it went so far. */
static void print(json_t *json, int r, struct buf *out)
{
    char *text = json && r == 0 ? json_dumps(json, JSON_COMPACT) : NULL;

    if (text)
        buf_puts(out, text);
    else
        out->failed = true;
    free(text);
    json_decref(json);
}

/* NULL with the reason in *r. */
static json_t *load(const char *what, struct str bytes, size_t max, int *r, struct err *err)
{
    json_error_t error;
    json_t *json = NULL;

    if (bytes.len > max)
        *r = err_set(err, -EPROTO, "%s: %zu bytes; %zu are the limit", what, bytes.len, max);
    else if (!(json = json_loadb(bytes.p, bytes.len, JSON_REJECT_DUPLICATES, &error)))
        *r = err_set(err, -EPROTO, "%s: no JSON: %s", what, error.text);
    return json;
}

/* How many items the list has, at most list->max. */
static int list_count(const json_t *json, const struct list *list, size_t *count, struct err *err)
{
    const json_t *array = json_object_get(json, list->key);

    *count = json_array_size(array);
    if (array && !json_is_array(array))
        return err_set(err, -EPROTO, "%s is no list", list->key);
    if (*count > list->max)
        return err_set(err, -EPROTO, "%s has %zu items; %zu are the limit", list->key, *count,
                       list->max);
    return 0;
}

static int take_list(const json_t *json, const struct list *list, void *items, struct err *err)
{
    const json_t *array = json_object_get(json, list->key);

    for (size_t i = 0; i < json_array_size(array); i++) {
        int r = fields_from_json(list->fields, list->field_count, json_array_get(array, i),
                                 (char *)items + i * list->bytes, err);

        if (r < 0)
            return err_wrap(err, r, "%s %zu", list->item, i);
    }
    return 0;
}

void card_print(const struct card *card, struct buf *out)
{
    json_t *json = fields_to_json(card_fields, ARRAY_LEN(card_fields), card);

    print(json, add_list(json, &devices, card->devices, card->device_count), out);
}

int card_read(struct str bytes, struct card *out, struct err *err)
{
    int r = 0;
    json_t *json = load("card", bytes, ORDER_BYTES_MAX, &r, err);
    size_t count;

    if (!json)
        return r;
    r = fields_from_json(card_fields, ARRAY_LEN(card_fields), json, out, err);
    if (r == 0)
        r = list_count(json, &devices, &count, err);
    if (r == 0)
        r = take_list(json, &devices, out->devices, err);
    if (r == 0)
        out->device_count = (uint32_t)count;
    json_decref(json);
    return r < 0 ? err_wrap(err, r, "card") : 0;
}

void order_print(const struct order *order, struct buf *out)
{
    json_t *json = fields_to_json(order_fields, ARRAY_LEN(order_fields), order);
    json_t *sizes = json_array();
    int r = 0;

    for (size_t i = 0; r == 0 && i < order->size_count; i++)
        r = json_array_append_new(sizes, json_integer((json_int_t)order->sizes[i]));
    if (r == 0)
        r = json_object_set(json, "sizes", sizes);
    json_decref(sizes);
    print(json, r, out);
}

static int take_sizes(const json_t *json, struct order *out, struct err *err)
{
    const json_t *array = json_object_get(json, "sizes");

    if (array && !json_is_array(array))
        return err_set(err, -EPROTO, "sizes is no list");
    if (json_array_size(array) > ORDER_SIZES_MAX)
        return err_set(err, -EPROTO, "sizes has %zu items; %d are the limit",
                       json_array_size(array), ORDER_SIZES_MAX);
    out->size_count = (uint32_t)json_array_size(array);
    for (size_t i = 0; i < out->size_count; i++) {
        const json_t *item = json_array_get(array, i);
        json_int_t size = json_integer_value(item);

        if (!json_is_integer(item) || size < 1 || size > (json_int_t)ORDER_MESSAGE_BYTES_MAX)
            return err_set(err, -EPROTO, "size %zu is no whole number from 1 to %llu", i,
                           (unsigned long long)ORDER_MESSAGE_BYTES_MAX);
        out->sizes[i] = (uint64_t)size;
    }
    return 0;
}

int order_read(struct str bytes, struct order *out, struct err *err)
{
    int r = 0;
    json_t *json = load("order", bytes, ORDER_BYTES_MAX, &r, err);

    if (!json)
        return r;
    r = fields_from_json(order_fields, ARRAY_LEN(order_fields), json, out, err);
    if (r == 0)
        r = take_sizes(json, out, err);
    json_decref(json);
    return r < 0 ? err_wrap(err, r, "order") : 0;
}

void answer_print(const struct answer *answer, struct buf *out)
{
    json_t *json = fields_to_json(answer_fields, ARRAY_LEN(answer_fields), answer);
    int r = add_list(json, &measures, answer->measures, answer->measure_count);

    if (r == 0)
        r = add_list(json, &troubles, answer->troubles, answer->trouble_count);
    print(json, r, out);
}

static int take_answer(struct arena *arena, const json_t *json, struct answer *out, struct err *err)
{
    size_t measure_count = 0, trouble_count = 0;
    int r = fields_from_json(answer_fields, ARRAY_LEN(answer_fields), json, out, err);

    if (r == 0)
        r = list_count(json, &measures, &measure_count, err);
    if (r == 0)
        r = list_count(json, &troubles, &trouble_count, err);
    if (r < 0)
        return r;
    out->measures = arena_alloc(arena, measure_count * sizeof(*out->measures) + 1);
    out->troubles = arena_alloc(arena, trouble_count * sizeof(*out->troubles) + 1);
    if (!out->measures || !out->troubles)
        return err_set(err, -ENOMEM, "no memory for %zu measures", measure_count);
    out->measure_count = (uint32_t)measure_count;
    out->trouble_count = (uint32_t)trouble_count;
    r = take_list(json, &measures, out->measures, err);
    if (r == 0)
        r = take_list(json, &troubles, out->troubles, err);
    for (size_t i = 0; r == 0 && i < measure_count; i++) {
        const struct measure *m = &out->measures[i];

        if (!(m->low <= m->value && m->value <= m->high))
            r = err_set(err, -EPROTO, "measure %zu: value %g is not between low %g and high %g", i,
                        m->value, m->low, m->high);
    }
    return r;
}

int answer_read(struct arena *arena, struct str bytes, struct answer *out, struct err *err)
{
    int r = 0;
    json_t *json = load("answer", bytes, ANSWER_BYTES_MAX, &r, err);

    if (!json)
        return r;
    r = take_answer(arena, json, out, err);
    json_decref(json);
    return r < 0 ? err_wrap(err, r, "answer") : 0;
}
