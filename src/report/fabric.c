#include "report/fabric.h"

#include "base/hostlist.h"
#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TRANSPORTS_MAX 16 /* that are told apart */

bool fabric_shows(const struct fabric_report *report, const struct suspect *suspect)
{
    return !report->metric || suspect->metric == report->metric;
}

uint32_t fabric_suspects_shown(const struct fabric_report *report)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < report->findings->suspect_count; i++)
        count += fabric_shows(report, &report->findings->suspects[i]);
    return count;
}

struct changes_shown fabric_changes_shown(const struct fabric_report *report)
{
    struct changes_shown shown = {0};

    for (uint32_t i = 0; report->changes && i < report->changes->telling; i++) {
        const struct change *change = &report->changes->items[i];

        if (report->metric && report->metric != change->metric)
            continue;
        shown.telling++;
        shown.slower += change->ratio < 1;
    }
    return shown;
}

bool fabric_report_has_findings(const struct fabric_report *report)
{
    return fabric_suspects_shown(report) || fabric_changes_shown(report).slower;
}

static const char *duration(struct arena *arena, int64_t ns)
{
    int64_t seconds = ns / 1000000000;

    if (seconds < 60)
        return arena_printf(arena, "%lld s", (long long)seconds);
    if (seconds < 3600)
        return arena_printf(arena, "%lld min %lld s", (long long)seconds / 60,
                            (long long)seconds % 60);
    return arena_printf(arena, "%lld h %lld min", (long long)seconds / 3600,
                        (long long)seconds / 60 % 60);
}

const char *fabric_headline(struct arena *arena, const struct fabric_report *report)
{
    const struct fabric_result *result = report->result;
    uint32_t suspects = fabric_suspects_shown(report);
    size_t nodes = result->nodes.count;
    const char *pairs = "", *time = "", *end;

    if (result->pairs_planned)
        pairs = result->pairs_done == result->pairs_planned
                    ? arena_printf(arena, ", %u pair%s", result->pairs_done,
                                   result->pairs_done == 1 ? "" : "s")
                    : arena_printf(arena, ", %u of %u pairs", result->pairs_done,
                                   result->pairs_planned);
    if (result->ended_ns > result->began_ns)
        time = duration(arena, result->ended_ns - result->began_ns);
    end = suspects ? arena_printf(arena, "%u suspect%s", suspects, suspects == 1 ? "" : "s")
                   : "all well";
    if (!pairs || !time || !end)
        return NULL;
    return arena_printf(arena, "%zu node%s%s%s%s: %s%s%s%s", nodes, nodes == 1 ? "" : "s", pairs,
                        *time ? " in " : "", time, end, report->metric ? " by " : "",
                        report->metric ? report->metric->name : "",
                        result->whole ? "" : " (not all of it was measured)");
}

const char *fabric_origin(struct arena *arena, const struct fabric_result *result)
{
    time_t seconds = (time_t)(result->began_ns / 1000000000);
    struct buf out = {0};
    const char *text;
    char when[64];
    struct tm tm;

    buf_puts(&out, *result->id ? result->id : "a fabric test");
    if (result->began_ns > 0 && gmtime_r(&seconds, &tm) &&
        strftime(when, sizeof(when), ", %F %H:%M UTC", &tm))
        buf_puts(&out, when);
    buf_printf(&out, ", %s:", fabric_level_names[result->level]);
    for (int i = 0, told = 0; i < TEST_COUNT; i++)
        if (result->tests >> i & 1)
            buf_printf(&out, "%s %s", told++ ? "," : "", test_kinds[i].name);
    text = out.failed ? NULL : arena_copy(arena, out.p, out.len);
    buf_done(&out);
    return text;
}

struct transport {
    const char *via;
    uint32_t count;
};

static int most_first(const void *a, const void *b)
{
    const struct transport *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(x->via, y->via);
}

const char *fabric_transports(struct arena *arena, const struct fabric_result *result)
{
    struct transport known[TRANSPORTS_MAX];
    uint32_t count = 0, others = 0;
    struct buf out = {0};
    const char *text;

    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *measure = &result->measures.items[i];
        uint32_t at = 0;

        if (!measure->metric->of_pair || !measure->via[0])
            continue;
        while (at < count && strcmp(known[at].via, measure->via) != 0)
            at++;
        if (at == TRANSPORTS_MAX) {
            others++;
            continue;
        }
        if (at == count)
            known[count++] = (struct transport){measure->via, 0};
        known[at].count++;
    }
    if (count)
        qsort(known, count, sizeof(*known), most_first);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(&out, "%s%s (%u measure%s)", i ? ", " : "", known[i].via, known[i].count,
                   known[i].count == 1 ? "" : "s");
    if (others)
        buf_printf(&out, " and others (%u)", others);
    text = out.failed ? NULL : arena_copy(arena, out.p ? out.p : "", out.len);
    buf_done(&out);
    return text;
}

const char *fabric_size(uint64_t bytes, char out[FABRIC_SIZE_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;

    while (unit + 1 < ARRAY_LEN(units) && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(out, FABRIC_SIZE_BYTES, "%llu %s", (unsigned long long)bytes, units[unit]);
    return out;
}

/* ---- suspects ---- */

/* Who, as short as it can be said. */
static const char *suspect_who(struct arena *arena, const struct fabric_result *result,
                               const struct suspect *suspect)
{
    const char *name =
        suspect->node_count ? result->nodes.items[suspect->nodes[0]].name : "all nodes";
    const char *between;

    switch (suspect->kind) {
    case SUSPECT_LINK:
        between = "and";
        break;
    case SUSPECT_LINK_ONE_WAY:
        between = "to";
        break;
    case SUSPECT_ONE_OF:
        between = "or";
        break;
    default:
        if (suspect->node_count < 2)
            return name;
        if (*suspect->peer_group)
            return arena_printf(arena, "%s and %s", suspect->group, suspect->peer_group);
        if (suspect->node_count == result->nodes.count && !*suspect->group)
            return "all nodes";
        return arena_printf(arena, "%s (%u nodes)", *suspect->group ? suspect->group : name,
                            suspect->node_count);
    }
    return arena_printf(arena, "%s %s %s", name, between,
                        suspect->node_count > 1 ? result->nodes.items[suspect->nodes[1]].name : "");
}

const char *suspect_title(struct arena *arena, const struct fabric_result *result,
                          const struct suspect *suspect)
{
    const char *who = suspect_who(arena, result, suspect);
    const char *part =
        suspect->part && *suspect->part ? arena_printf(arena, ", %s", suspect->part) : "";

    if (!who || !part)
        return NULL;
    if (suspect->metric && isfinite(suspect->slower) && suspect->slower > 0)
        return arena_printf(arena, "%s%s: %.0f %% slower", who, part, suspect->slower * 100);
    return arena_printf(arena, "%s%s", who, part);
}

const char *suspect_numbers(struct arena *arena, const struct suspect *suspect)
{
    char value[METRIC_VALUE_BYTES], low[METRIC_VALUE_BYTES], high[METRIC_VALUE_BYTES];
    char typical[METRIC_VALUE_BYTES];
    enum unit unit;

    if (!suspect->metric || !isfinite(suspect->value))
        return "";
    unit = suspect->metric->unit;
    (void)metric_value(unit, suspect->value, value);
    (void)metric_value(unit, suspect->typical, typical);
    if (isfinite(suspect->low) && isfinite(suspect->high) && suspect->low < suspect->high)
        return arena_printf(arena, "%s (%s to %s), typical %s", value,
                            metric_value(unit, suspect->low, low),
                            metric_value(unit, suspect->high, high), typical);
    return arena_printf(arena, "%s, typical %s", value, typical);
}

const char *suspect_grounds(struct arena *arena, const struct suspect *suspect)
{
    int percent = (int)floor(suspect->confidence * 100);
    const char *sure = percent > 99 ? "over 99 % sure" : arena_printf(arena, "%d %% sure", percent);

    if (!suspect->metric)
        return "seen, not inferred from numbers";
    if (!sure || (!suspect->slow && !suspect->fast))
        return sure;
    if (!suspect->fast)
        return arena_printf(arena, "%s: %u measure%s slow, none well", sure, suspect->slow,
                            suspect->slow == 1 ? "" : "s");
    return arena_printf(arena, "%s: %u measure%s slow, %u beside it well", sure, suspect->slow,
                        suspect->slow == 1 ? "" : "s", suspect->fast);
}

/* The run that decides between two: a command that can be typed. */
static const char *deciding_run(struct arena *arena, const struct fabric_result *result,
                                const struct suspect *suspect)
{
    const char *names[2];
    const char *hosts;

    if (suspect->decide[0] >= result->nodes.count || suspect->decide[1] >= result->nodes.count)
        return "measure one of them with a third node: that decides";
    names[0] = result->nodes.items[suspect->decide[0]].name;
    names[1] = result->nodes.items[suspect->decide[1]].name;
    hosts = hostlist_fold(arena, names, 2);
    return hosts ? arena_printf(
                       arena, "one run decides: firstlight fabric --hosts %s --tests pairs", hosts)
                 : NULL;
}

static const char *explain_command(struct arena *arena, const struct fabric_result *result)
{
    return arena_printf(arena, "firstlight explain --fabric %s PATH ... names the setting",
                        *result->id ? result->id : "FILE");
}

const char *suspect_advice(struct arena *arena, const struct fabric_result *result,
                           const struct suspect *suspect)
{
    static const char *const advice[SUSPECT_KIND_COUNT] = {
        [SUSPECT_LINK] = "no node's setting: reseat or swap the cable between the two, and look at "
                         "both ports' error counters",
        [SUSPECT_LINK_ONE_WAY] = "no node's setting: one direction of a cable or port; look at the "
                                 "error counters of both ports",
        [SUSPECT_GROUP] = "no node's setting: look at the switch they share and its ways to the "
                          "others",
        [SUSPECT_GROUP_PART] = "no node's setting: one of the ways out of the switch they share",
        [SUSPECT_BETWEEN] = "no node's setting: look at the cables and routes between their two "
                            "switches, and at the spines that these use",
        [SUSPECT_CORE] = "no node's setting: the core has too few ways, or uses them unevenly "
                         "(adaptive routing, ECMP)",
        [SUSPECT_LOST] = "firstlight collect --hosts it, if it can still be reached; its log says "
                         "how it ended: firstlight logs",
        [SUSPECT_FALLBACK] = "firstlight inspect on that node: is the RDMA port usable for this "
                             "user (memlock, devices, UCX_TLS)?",
    };

    switch (suspect->kind) {
    case SUSPECT_ONE_OF:
        return deciding_run(arena, result, suspect);
    case SUSPECT_NODE:
    case SUSPECT_SENDING:
    case SUSPECT_RECEIVING:
    case SUSPECT_ALL:
        return explain_command(arena, result);
    case SUSPECT_LOST:
        return *result->id
                   ? arena_printf(arena, "firstlight logs %s shows its last words", result->id)
                   : advice[suspect->kind];
    default:
        return advice[suspect->kind] ? advice[suspect->kind] : "";
    }
}

/* ---- numbers of nodes ---- */

const struct metric *fabric_map_metric(const struct fabric_report *report)
{
    const struct findings_of_fabric *findings = report->findings;

    for (uint32_t i = 0; i < findings->suspect_count && !report->metric; i++)
        if (findings->suspects[i].metric && findings->suspects[i].metric->of_pair)
            return findings->suspects[i].metric;
    return report->metric ? report->metric : metric_find(STR("pair.bandwidth"));
}

static bool is_worse(const struct metric *metric, double a, double b)
{
    return metric->lower_is_better ? fabs(a) > fabs(b) : a < b;
}

int fabric_metric_rows(struct arena *arena, const struct fabric_report *report,
                       struct metric_row *out)
{
    const struct findings_of_fabric *findings = report->findings;
    double *values = arena_alloc(arena, (findings->level_count + 1) * sizeof(*values));
    int rows = 0;

    if (!values)
        return -ENOMEM;
    for (size_t m = 0; m < metric_count; m++) {
        struct metric_row row = {.metric = &metrics[m], .worst = NAN};

        if (report->metric && report->metric != row.metric)
            continue;
        for (uint32_t i = 0; i < findings->level_count; i++) {
            const struct node_level *level = &findings->levels[i];

            if (level->metric != row.metric || !isfinite(level->value))
                continue;
            values[row.nodes++] = level->value;
            if (row.nodes == 1 || is_worse(row.metric, level->value, row.worst)) {
                row.worst = level->value;
                row.worst_node = level->node;
            }
        }
        if (!row.nodes)
            continue;
        row.typical = stats_median(values, row.nodes);
        out[rows++] = row;
    }
    return rows;
}

/* ---- against an older test ---- */

const char *change_who(struct arena *arena, const struct fabric_result *result,
                       const struct change *change)
{
    if (change->node == MEASURE_NOBODY)
        return "the middle of all nodes";
    if (change->peer == MEASURE_NOBODY)
        return result->nodes.items[change->node].name;
    return arena_printf(arena, "%s -> %s", result->nodes.items[change->node].name,
                        result->nodes.items[change->peer].name);
}

const char *changes_headline(struct arena *arena, const struct fabric_report *report)
{
    const struct changes *changes = report->changes;
    struct changes_shown shown = fabric_changes_shown(report);
    const char *origin = fabric_origin(arena, report->older), *numbers;

    numbers = !shown.telling ? "nothing changed beyond noise"
                             : arena_printf(arena, "%u got slower, %u got faster", shown.slower,
                                            shown.telling - shown.slower);
    if (!origin || !numbers)
        return NULL;
    return arena_printf(arena, "Since %s: %s (%u nodes in both, %u gone, %u new)", origin, numbers,
                        changes->nodes, changes->missing, changes->added);
}
