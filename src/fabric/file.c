#include "fabric/file.h"

#include <math.h>

const char *file_unit(enum unit unit)
{
    static const char *const names[] = {[UNIT_BYTES_PER_S] = "B/s",
                                        [UNIT_FLOP_PER_S] = "FLOP/s",
                                        [UNIT_SECONDS] = "s",
                                        [UNIT_RATIO] = "ratio"};

    return names[unit];
}

/* How many bytes the UTF-8 sequence at `s` has; 0 when it is none: cut off, longer than it need be,
 * a half of a surrogate, or beyond the last character. */
static size_t utf8_bytes(const unsigned char *s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = *s < 0x80             ? 1
                   : (*s & 0xe0) == 0xc0 ? 2
                   : (*s & 0xf0) == 0xe0 ? 3
                   : (*s & 0xf8) == 0xf0 ? 4
                                         : 0;
    uint32_t code = count > 1 ? *s & (0xffu >> (count + 1)) : *s;

    for (size_t i = 1; i < count; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (count && (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
        return 0;
    return count;
}

void file_print_text(const char *text, struct buf *out)
{
    buf_puts(out, "\"");
    while (*text) {
        size_t bytes = utf8_bytes((const unsigned char *)text);

        if (!bytes)
            buf_puts(out, "?");
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            buf_printf(out, "\\u%04x", (unsigned)*text);
        else
            buf_add(out, text, bytes);
        text += bytes ? bytes : 1;
    }
    buf_puts(out, "\"");
}

void file_print_number(double value, struct buf *out)
{
    if (isfinite(value))
        buf_printf(out, "%.17g", value == 0 ? 0.0 : value);
    else
        buf_puts(out, "null");
}

static void put_key_text(const char *key, const char *text, struct buf *out)
{
    buf_printf(out, ",\"%s\":", key);
    file_print_text(text, out);
}

static void put_key_number(const char *key, double value, struct buf *out)
{
    buf_printf(out, ",\"%s\":", key);
    file_print_number(value, out);
}

static void print_node(const struct fabric_node *node, struct buf *out)
{
    buf_puts(out, "{\"name\":");
    file_print_text(node->name, out);
    put_key_text("group", node->group, out);
    put_key_text("fate", node_fate_names[node->fate], out);
    put_key_text("words", node->words, out);
    buf_puts(out, ",\"card\":");
    card_print(&node->card, out);
    buf_puts(out, "}");
}

static void print_peer(const struct fabric_result *result, uint32_t peer, struct buf *out)
{
    if (peer != MEASURE_NOBODY)
        put_key_text("peer", result->nodes.items[peer].name, out);
}

/* A measure that is none (not finite) is in no file. */
static void print_measure(const struct fabric_result *result, const struct measure *measure,
                          struct buf *out)
{
    buf_printf(out, "{\"metric\":\"%s\"", measure->metric->name);
    put_key_text("node", result->nodes.items[measure->node].name, out);
    print_peer(result, measure->peer, out);
    put_key_text("phase", phase_names[measure->phase], out);
    buf_printf(out, ",\"bytes\":%llu", (unsigned long long)measure->bytes);
    put_key_text("part", measure->part, out);
    put_key_text("via", measure->via, out);
    put_key_number("value", measure->value, out);
    put_key_number("low", measure->low, out);
    put_key_number("high", measure->high, out);
    buf_puts(out, "}");
}

static void print_trouble(const struct fabric_result *result, const struct fabric_trouble *trouble,
                          struct buf *out)
{
    buf_printf(out, "{\"kind\":\"%s\",\"test\":\"%s\"", trouble_names[trouble->kind],
               test_kinds[trouble->test].name);
    put_key_text("node", result->nodes.items[trouble->node].name, out);
    print_peer(result, trouble->peer, out);
    put_key_text("words", trouble->words, out);
    buf_puts(out, "}");
}

static bool is_number(const struct measure *measure)
{
    return isfinite(measure->value) && isfinite(measure->low) && isfinite(measure->high);
}

void result_print_members(const struct fabric_result *result, struct buf *out)
{
    const char *comma = "";

    buf_printf(out, "\"firstlight_fabric\":%d", FABRIC_FILE_VERSION);
    put_key_text("id", result->id, out);
    buf_printf(out, ",\"began_ns\":%lld,\"ended_ns\":%lld,\"level\":\"%s\",\"tests\":[",
               (long long)result->began_ns, (long long)result->ended_ns,
               fabric_level_names[result->level]);
    for (int i = 0; i < TEST_COUNT; i++)
        if (result->tests >> i & 1) {
            buf_printf(out, "%s\"%s\"", comma, test_kinds[i].name);
            comma = ",";
        }
    buf_printf(out,
               "],\"whole\":%s,\"rounds\":%u,\"pairs_planned\":%u,\"pairs_done\":%u,\n\"nodes\":[",
               result->whole ? "true" : "false", result->rounds, result->pairs_planned,
               result->pairs_done);
    for (size_t i = 0; i < result->nodes.count; i++) {
        buf_puts(out, i ? ",\n" : "\n");
        print_node(&result->nodes.items[i], out);
    }
    buf_puts(out, "],\n\"measures\":[");
    comma = "\n";
    for (size_t i = 0; i < result->measures.count; i++)
        if (is_number(&result->measures.items[i])) {
            buf_puts(out, comma);
            print_measure(result, &result->measures.items[i], out);
            comma = ",\n";
        }
    buf_puts(out, "],\n\"troubles\":[");
    for (size_t i = 0; i < result->troubles.count; i++) {
        buf_puts(out, i ? ",\n" : "\n");
        print_trouble(result, &result->troubles.items[i], out);
    }
    buf_puts(out, "]");
}

void result_print_json(const struct fabric_result *result, struct buf *out)
{
    buf_puts(out, "{");
    result_print_members(result, out);
    buf_puts(out, "}\n");
}

static void put_cell(const char *text, struct buf *out)
{
    bool quoted = text[strcspn(text, ",;\"\t\r\n")] != '\0';

    buf_puts(out, quoted ? ",\"" : ",");
    for (; *text; text++)
        buf_puts(out, (char[]){*text, *text == '"' ? '"' : '\0', '\0'});
    if (quoted)
        buf_puts(out, "\"");
}

void result_print_csv(const struct fabric_result *result, struct buf *out)
{
    buf_puts(out, "test,metric,unit,phase,node,peer,part,via,bytes,value,low,high\n");
    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (!is_number(m))
            continue;
        buf_printf(out, "%s,%s,%s,%s", test_kinds[m->metric->test].name, m->metric->name,
                   file_unit(m->metric->unit), m->metric->of_pair ? phase_names[m->phase] : "");
        put_cell(result->nodes.items[m->node].name, out);
        put_cell(m->peer == MEASURE_NOBODY ? "" : result->nodes.items[m->peer].name, out);
        put_cell(m->part, out);
        put_cell(m->via, out);
        buf_printf(out, ",%llu,%.9g,%.9g,%.9g\n", (unsigned long long)m->bytes, m->value, m->low,
                   m->high);
    }
}
