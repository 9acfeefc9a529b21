#include "report/fabric.h"

#include "fabric/file.h"

#include <errno.h>

/* A result's file with more members behind it: what a reader of results passes over. */

static void key(const char *name, struct buf *out)
{
    buf_printf(out, ",\"%s\":", name);
}

static void number(const char *name, double value, struct buf *out)
{
    key(name, out);
    file_print_number(value, out);
}

static void text(const char *name, const char *value, struct buf *out)
{
    key(name, out);
    file_print_text(value ? value : "", out);
}

static void metric(const struct metric *value, struct buf *out)
{
    key("metric", out);
    if (value)
        file_print_text(value->name, out);
    else
        buf_puts(out, "null");
}

static void names(const struct fabric_result *result, const char *name, const uint32_t *nodes,
                  uint32_t count, struct buf *out)
{
    key(name, out);
    buf_puts(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        buf_puts(out, i ? "," : "");
        file_print_text(result->nodes.items[nodes[i]].name, out);
    }
    buf_puts(out, "]");
}

static void put_suspect(struct arena *arena, const struct fabric_result *result,
                        const struct suspect *suspect, struct buf *out)
{
    bool open =
        suspect->decide[0] < result->nodes.count && suspect->decide[1] < result->nodes.count;

    buf_printf(out, "\n{\"kind\":\"%s\"", suspect_kind_names[suspect->kind]);
    metric(suspect->metric, out);
    text("part", suspect->part, out);
    names(result, "nodes", suspect->nodes, suspect->node_count, out);
    text("group", suspect->group, out);
    text("peer_group", suspect->peer_group, out);
    number("value", suspect->value, out);
    number("low", suspect->low, out);
    number("high", suspect->high, out);
    number("typical", suspect->typical, out);
    number("slower", suspect->slower, out);
    number("confidence", suspect->confidence, out);
    buf_printf(out, ",\"slow\":%u,\"fast\":%u", suspect->slow, suspect->fast);
    names(result, "decide", suspect->decide, open ? 2 : 0, out);
    text("sentence", suspect->sentence, out);
    text("next", suspect_advice(arena, result, suspect), out);
    buf_puts(out, "}");
}

static void put_suspects(struct arena *arena, const struct fabric_report *report, struct buf *out)
{
    const char *comma = "";

    key("suspects", out);
    buf_puts(out, "[");
    for (uint32_t i = 0; i < report->findings->suspect_count; i++)
        if (fabric_shows(report, &report->findings->suspects[i])) {
            buf_puts(out, comma);
            put_suspect(arena, report->result, &report->findings->suspects[i], out);
            comma = ",";
        }
    buf_puts(out, "]");
}

static void put_levels(const struct fabric_report *report, struct buf *out)
{
    const struct fabric_result *result = report->result;
    const char *comma = "";

    key("levels", out);
    buf_puts(out, "[");
    for (uint32_t i = 0; i < report->findings->level_count; i++) {
        const struct node_level *level = &report->findings->levels[i];

        if (report->metric && report->metric != level->metric)
            continue;
        buf_printf(out, "%s\n{\"node\":", comma);
        file_print_text(result->nodes.items[level->node].name, out);
        metric(level->metric, out);
        number("value", level->value, out);
        number("low", level->low, out);
        number("high", level->high, out);
        buf_puts(out, "}");
        comma = ",";
    }
    buf_puts(out, "]");
}

static void put_changes(const struct fabric_report *report, struct buf *out)
{
    const struct changes *changes = report->changes;
    const char *comma = "";

    key("against", out);
    buf_puts(out, "{\"id\":");
    file_print_text(report->older->id, out);
    buf_printf(out, ",\"nodes\":%u,\"missing\":%u,\"added\":%u,\"telling\":%u,\"changes\":[",
               changes->nodes, changes->missing, changes->added,
               fabric_changes_shown(report).telling);
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];

        if (report->metric && report->metric != change->metric)
            continue;
        buf_printf(out, "%s\n{\"telling\":%s", comma, change->telling ? "true" : "false");
        metric(change->metric, out);
        names(report->result, "nodes", (const uint32_t[]){change->node, change->peer},
              change->node == MEASURE_NOBODY   ? 0
              : change->peer == MEASURE_NOBODY ? 1
                                               : 2,
              out);
        number("before", change->before, out);
        number("after", change->after, out);
        number("ratio", change->ratio, out);
        buf_puts(out, "}");
        comma = ",";
    }
    buf_puts(out, "]}");
}

int fabric_report_json(const struct fabric_report *report, struct buf *out)
{
    struct arena *arena = arena_new(0);

    if (!arena)
        return -ENOMEM;
    buf_puts(out, "{");
    result_print_members(report->result, out);
    buf_puts(out, ",\n\"firstlight\":\"" FIRSTLIGHT_VERSION "\"");
    text("headline", fabric_headline(arena, report), out);
    number("noise", report->findings->noise, out);
    put_suspects(arena, report, out);
    put_levels(report, out);
    if (report->changes)
        put_changes(report, out);
    buf_puts(out, "}\n");
    arena_free(arena);
    return out->failed ? -ENOMEM : 0;
}
