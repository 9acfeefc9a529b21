#include "fabric/file.h"

#include "base/hash.h"
#include "base/map.h"
#include "fabric/scan.h"
#include "measure/rows.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 256
#define TIME_MAX       9.2e18

struct reading {
    struct scan scan;
    struct fabric_result *result;
    struct map nodes; /* by name: index + 1 */
    json_t *head;
};

static long node_index(const struct reading *reading, const char *name)
{
    return (long)(uintptr_t)map_get(&reading->nodes, hash64(name, strlen(name)), NULL) - 1;
}

/* `at` is where the item begins. */
static int wrong(const struct reading *reading, const char *at, const char *what, int r)
{
    return err_wrap(reading->scan.err, r, "%s: line %u: %s", reading->scan.name,
                    scan_line(&reading->scan, at), what);
}

/* The index of the node that `key` names; MEASURE_NOBODY when there is no such key. */
static int take_name(const struct reading *reading, const json_t *json, const char *key,
                     uint32_t *out)
{
    const json_t *value = json_object_get(json, key);
    long node;

    *out = MEASURE_NOBODY;
    if (!value)
        return 0;
    if (!json_is_string(value))
        return err_set(reading->scan.err, -EPROTO, "%s is no name", key);
    node = node_index(reading, json_string_value(value));
    if (node < 0)
        return err_set(reading->scan.err, -EPROTO, "%s: there is no node '%.60s'", key,
                       json_string_value(value));
    *out = (uint32_t)node;
    return 0;
}

static int take_ends(const struct reading *reading, const json_t *json, uint32_t *node,
                     uint32_t *peer)
{
    int r = take_name(reading, json, "node", node);

    if (r == 0 && *node == MEASURE_NOBODY)
        r = err_set(reading->scan.err, -EPROTO, "node is missing");
    if (r == 0)
        r = take_name(reading, json, "peer", peer);
    if (r == 0 && *node == *peer)
        r = err_set(reading->scan.err, -EPROTO, "node and peer are one");
    return r;
}

static const char *fate_word(size_t i)
{
    return node_fate_names[i];
}

static const char *level_word(size_t i)
{
    return fabric_level_names[i];
}

static int read_measure(struct reading *reading, const json_t *json)
{
    struct measure measure = {0};
    int r = fields_from_json(measure_rows, MEASURE_ROWS - ROWS_OF_ENDS, json, &measure,
                             reading->scan.err);

    if (r == 0)
        r = take_ends(reading, json, &measure.node, &measure.peer);
    if (r == 0 && measure.metric->of_pair != (measure.peer != MEASURE_NOBODY))
        r = err_set(reading->scan.err, -EPROTO,
                    measure.metric->of_pair ? "%s without a peer" : "%s with a peer",
                    measure.metric->name);
    if (r == 0 && !(measure.low <= measure.value && measure.value <= measure.high))
        r = err_set(reading->scan.err, -EPROTO, "value %g is not between low %g and high %g",
                    measure.value, measure.low, measure.high);
    return r < 0 ? r : result_add_measure(reading->result, &measure, reading->scan.err);
}

static int read_trouble(struct reading *reading, const json_t *json)
{
    struct fabric_trouble trouble = {0};
    int r = fields_from_json(trouble_rows, TROUBLE_ROWS - ROWS_OF_ENDS, json, &trouble,
                             reading->scan.err);

    if (r == 0)
        r = take_ends(reading, json, &trouble.node, &trouble.peer);
    return r < 0 ? r : result_add_trouble(reading->result, &trouble, reading->scan.err);
}

struct node_row {
    char name[NAME_BYTES_MAX], group[NAME_BYTES_MAX], words[ERR_TEXT_MAX];
    enum node_fate fate;
};

static int read_card(const struct reading *reading, const json_t *json, struct card *out)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    int r = text ? card_read(str_of(text), out, reading->scan.err)
                 : err_set(reading->scan.err, -ENOMEM, "no memory for a card");

    free(text);
    return r;
}

static int read_node(struct reading *reading, const json_t *json)
{
    static const struct field fields[] = {
        {"name", FIELD_TEXT, FIELD_TEXT_AT(node_row, name), .needed = true},
        {"group", FIELD_TEXT, FIELD_TEXT_AT(node_row, group)},
        {"fate", FIELD_CHOICE, FIELD_AT(node_row, fate), .max = NODE_FATE_COUNT, .needed = true,
         .word = fate_word},
        {"words", FIELD_TEXT, FIELD_TEXT_AT(node_row, words)},
    };
    struct node_row row = {0};
    struct err *err = reading->scan.err;
    struct fabric_result *result = reading->result;
    const json_t *card = json_object_get(json, "card");
    int r = fields_from_json(fields, ARRAY_LEN(fields), json, &row, err);

    if (r == 0 && !row.name[0])
        r = err_set(err, -EPROTO, "name is empty");
    if (r == 0 && node_index(reading, row.name) >= 0)
        r = err_set(err, -EPROTO, "a second '%.60s'", row.name);
    if (r == 0)
        r = result_add_node(result, row.name, row.group, err);
    if (r == 0)
        r = result_set_fate(result, (uint32_t)result->nodes.count - 1, row.fate, row.words, err);
    if (r == 0 && card)
        r = read_card(reading, card, &result->nodes.items[result->nodes.count - 1].card);
    if (r == 0 && map_add(&reading->nodes, hash64(row.name, strlen(row.name)),
                          (void *)result->nodes.count) < 0)
        r = err_set(err, -ENOMEM, "no memory for the names of the nodes");
    return r;
}

static int read_list(struct reading *reading, const char *what,
                     int (*read)(struct reading *reading, const json_t *json))
{
    struct scan *scan = &reading->scan;
    bool first = true;
    int r = 0;

    if (!scan_take(scan, '['))
        return scan_odd(scan, "a list");
    while (!scan_take(scan, ']')) {
        const char *at;
        json_t *json;

        if (!first && !scan_take(scan, ','))
            return scan_odd(scan, "',' or ']'");
        first = false;
        scan_space(scan);
        at = scan->p;
        json = scan_value(scan, &r);
        if (!json)
            return r;
        r = read(reading, json);
        json_decref(json);
        if (r < 0)
            return wrong(reading, at, what, r);
    }
    return 0;
}

struct head_row {
    char id[NAME_BYTES_MAX];
    int64_t began_ns, ended_ns;
    enum fabric_level level;
    uint32_t tests, rounds, pairs_planned, pairs_done;
    bool whole;
};

static const struct field head_fields[] = {
    {"id", FIELD_TEXT, FIELD_TEXT_AT(head_row, id)},
    {"began_ns", FIELD_I64, FIELD_AT(head_row, began_ns), .max = TIME_MAX},
    {"ended_ns", FIELD_I64, FIELD_AT(head_row, ended_ns), .max = TIME_MAX},
    {"level", FIELD_CHOICE, FIELD_AT(head_row, level), .max = LEVEL_COUNT, .word = level_word},
    {"tests", FIELD_BITS, FIELD_AT(head_row, tests), .max = TEST_COUNT, .word = test_word},
    {"whole", FIELD_BOOL, FIELD_AT(head_row, whole)},
    {"rounds", FIELD_U32, FIELD_AT(head_row, rounds), .max = UINT32_MAX},
    {"pairs_planned", FIELD_U32, FIELD_AT(head_row, pairs_planned), .max = UINT32_MAX},
    {"pairs_done", FIELD_U32, FIELD_AT(head_row, pairs_done), .max = UINT32_MAX},
};

/* Which keys a pass over the file looks at. */
enum pass { PASS_VERSION, PASS_NODES, PASS_MEASURES };

static int read_version(struct reading *reading)
{
    int r = 0;
    json_t *json = scan_value(&reading->scan, &r);
    json_int_t version = json_integer_value(json);

    if (!json)
        return r;
    if (!json_is_integer(json) || version < 1)
        r = err_set(reading->scan.err, -EPROTO, "%s: firstlight_fabric is no version",
                    reading->scan.name);
    else if (version > FABRIC_FILE_VERSION)
        r = err_set(reading->scan.err, -EPROTO,
                    "%s: written by a newer firstlight (file version %lld, this one reads %d)",
                    reading->scan.name, (long long)version, FABRIC_FILE_VERSION);
    json_decref(json);
    return r < 0 ? r : 1;
}

static int keep_head(struct reading *reading, struct str key)
{
    int r = 0;
    json_t *json = scan_value(&reading->scan, &r);

    if (json && json_object_setn_new(reading->head, key.p, key.len, json) < 0)
        r = err_set(reading->scan.err, -ENOMEM, "%s: no memory", reading->scan.name);
    return r;
}

/* Returns 1 when the pass need not go on. */
static int read_key(struct reading *reading, struct str key, enum pass pass)
{
    if (pass == PASS_VERSION)
        return str_is(key, "firstlight_fabric") ? read_version(reading) : scan_skip(&reading->scan);
    if (pass == PASS_MEASURES && str_is(key, "measures"))
        return read_list(reading, "measure", read_measure);
    if (pass == PASS_MEASURES && str_is(key, "troubles"))
        return read_list(reading, "trouble", read_trouble);
    if (pass == PASS_NODES && str_is(key, "nodes"))
        return read_list(reading, "node", read_node);
    for (size_t i = 0; pass == PASS_NODES && i < ARRAY_LEN(head_fields); i++)
        if (str_is(key, head_fields[i].key))
            return keep_head(reading, key);
    return scan_skip(&reading->scan);
}

static int read_pass(struct reading *reading, enum pass pass)
{
    struct scan *scan = &reading->scan;
    bool first = true;
    int r = 0;

    scan->p = scan->text.p;
    if (!scan_take(scan, '{'))
        return err_set(scan->err, -EPROTO, "%s: not the result of a fabric test", scan->name);
    while (r == 0 && !scan_take(scan, '}')) {
        struct str key = {0};

        if (!first && !scan_take(scan, ','))
            return scan_odd(scan, "',' or '}'");
        first = false;
        r = scan_quoted(scan, &key);
        if (r == 0 && !scan_take(scan, ':'))
            r = scan_odd(scan, "':'");
        if (r == 0)
            r = read_key(reading, key, pass);
    }
    if (r == 0 && pass == PASS_VERSION)
        return err_set(scan->err, -EPROTO, "%s: not the result of a fabric test", scan->name);
    scan_space(scan);
    if (r == 0 && scan->p < scan->end)
        return scan_odd(scan, "nothing behind the last '}'");
    return r < 0 ? r : 0;
}

static int take_head(struct reading *reading)
{
    struct fabric_result *result = reading->result;
    struct head_row row = {0};
    int r = fields_from_json(head_fields, ARRAY_LEN(head_fields), reading->head, &row,
                             reading->scan.err);

    if (r < 0)
        return err_wrap(reading->scan.err, r, "%s", reading->scan.name);
    result->id = arena_copy(result->arena, row.id, strlen(row.id));
    if (!result->id)
        return err_set(reading->scan.err, -ENOMEM, "%s: no memory", reading->scan.name);
    result->began_ns = row.began_ns;
    result->ended_ns = row.ended_ns;
    result->level = row.level;
    result->tests = row.tests;
    result->whole = row.whole;
    result->rounds = row.rounds;
    result->pairs_planned = row.pairs_planned;
    result->pairs_done = row.pairs_done;
    return 0;
}

int result_read_json(struct str text, const char *name, struct fabric_result **out, struct err *err)
{
    struct err ours = {0}; /* err_wrap needs one */
    struct reading reading = {
        .scan = {.name = name, .text = text, .end = text.p + text.len, .err = err ? err : &ours},
        .result = result_new(),
        .head = json_object()};
    int r;

    if (!reading.result || !reading.head)
        r = err_set(err, -ENOMEM, "%s: no memory for a result", name);
    else if (text.len > FABRIC_FILE_BYTES_MAX)
        r = err_set(err, -E2BIG, "%s: more than %zu bytes", name, FABRIC_FILE_BYTES_MAX);
    else
        r = read_pass(&reading, PASS_VERSION);
    if (r == 0)
        r = read_pass(&reading, PASS_NODES);
    if (r == 0)
        r = take_head(&reading);
    if (r == 0 && !reading.result->nodes.count)
        r = err_set(err, -EPROTO, "%s: no node in it", name);
    if (r == 0)
        r = read_pass(&reading, PASS_MEASURES);
    json_decref(reading.head);
    map_done(&reading.nodes);
    if (r < 0)
        result_free(reading.result);
    else
        *out = reading.result;
    return r;
}
