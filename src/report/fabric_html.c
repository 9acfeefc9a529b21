#include "base/hostlist.h"
#include "report/fabric.h"
#include "report/fabric_svg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* What would not be read is not written: the page stays below some MB whatever was measured. */
#define SUSPECTS_MAX 500
#define NODES_MAX    2000
#define CHANGES_MAX  500
#define TROUBLES_MAX 500

static void further(const struct page *page, size_t count, const char *what)
{
    buf_printf(page->out, "<p class=\"dim\">... and %zu more %s%s</p>", count, what,
               count == 1 ? "" : "s");
}

static const char *names_of(const struct page *page, const struct fabric_result *result,
                            const struct suspect *suspect)
{
    const char **names = arena_alloc(page->arena, (suspect->node_count + 1) * sizeof(*names));

    for (uint32_t i = 0; names && i < suspect->node_count; i++)
        names[i] = result->nodes.items[suspect->nodes[i]].name;
    return names ? hostlist_fold(page->arena, names, suspect->node_count) : NULL;
}

static void put_suspect(const struct page *page, const struct fabric_report *report,
                        const struct suspect *suspect, uint32_t number)
{
    const char *numbers = suspect_numbers(page->arena, suspect);

    buf_printf(page->out, "<section class=\"card\"><h3><span class=\"sev %s\">%s</span>%u. ",
               suspect->confidence >= 0.9 ? "fatal" : "bandwidth",
               suspect_kind_names[suspect->kind], number);
    page_text(page, suspect_title(page->arena, report->result, suspect));
    if (suspect->metric)
        buf_printf(page->out, " <code class=\"dim\">%s</code>", suspect->metric->name);
    page_html(page, "</h3><dl>");
    page_row(page, "what", NULL, suspect->sentence);
    if (suspect->node_count > 2)
        page_row(page, "nodes", "nodes", names_of(page, report->result, suspect));
    if (numbers && *numbers)
        page_row(page, "number", NULL, numbers);
    page_row(page, "why", NULL, suspect_grounds(page->arena, suspect));
    page_row(page, "next", "fix", suspect_advice(page->arena, report->result, suspect));
    page_html(page, "</dl></section>\n");
}

static void put_suspects(const struct page *page, const struct fabric_report *report)
{
    uint32_t all = fabric_suspects_shown(report), told = 0;

    if (all)
        page_html(page, "<h2>Suspects, the worst first</h2>");
    for (uint32_t i = 0; i < report->findings->suspect_count && told < SUSPECTS_MAX; i++)
        if (fabric_shows(report, &report->findings->suspects[i]))
            put_suspect(page, report, &report->findings->suspects[i], ++told);
    if (all > told)
        further(page, all - told, "suspect");
}

int fabric_maps(const struct page *page, const struct fabric_report *report)
{
    const struct metric *metric = fabric_map_metric(report);
    bool any = false;

    for (int phase = 0; metric->of_pair && phase < PAIR_PHASES; phase++) {
        struct heat heat;
        int r = heat_make(page->arena, report->result, report->findings, metric, (enum phase)phase,
                          SVG_CELLS_MAX, &heat);

        if (r < 0)
            return r;
        if (!r)
            continue;
        if (!any)
            page_html(page, "<h2>Pairs: rows send, columns receive</h2><div class=\"maps\">");
        any = true;
        svg_heat(page, report->result, &heat);
    }
    if (any)
        page_html(page, "</div>\n");
    return 0;
}

static void number_cell(const struct page *page, const struct metric *metric, double value,
                        const char *class)
{
    char text[METRIC_VALUE_BYTES];

    page_element(page, "td", class, isfinite(value) ? metric_value(metric->unit, value, text) : "");
}

static void put_changes(const struct page *page, const struct fabric_report *report)
{
    const struct changes *changes = report->changes;
    uint32_t told = 0, all = fabric_changes_shown(report).telling;

    if (!changes)
        return;
    page_html(page, "<h2>What changed</h2><p>");
    page_text(page, changes_headline(page->arena, report));
    page_html(page, "</p>");
    if (!all)
        return;
    page_html(page, "<div class=\"wide\"><table><tr><th>who</th><th>by</th><th class=\"n\">before"
                    "</th><th class=\"n\">after</th><th class=\"n\">speed</th></tr>\n");
    for (uint32_t i = 0; i < changes->telling && told < CHANGES_MAX; i++) {
        const struct change *change = &changes->items[i];

        if (report->metric && change->metric != report->metric)
            continue;
        page_html(page, "<tr>");
        page_element(page, "td", change->ratio < 1 ? "slow" : NULL,
                     change_who(page->arena, report->result, change));
        page_element(page, "td", NULL, change->metric->name);
        number_cell(page, change->metric, change->before, "n");
        number_cell(page, change->metric, change->after, "n");
        buf_printf(page->out, "<td class=\"n\">%+.0f %%</td></tr>\n", (change->ratio - 1) * 100);
        told++;
    }
    page_html(page, "</table></div>");
    if (all > told)
        further(page, all - told, "change");
}

/* ---- numbers ---- */

static void put_metrics(const struct page *page, const struct fabric_report *report,
                        const struct metric_row *rows, int count)
{
    if (!count)
        return;
    page_html(page, "<h2>Numbers of nodes</h2><div class=\"wide\"><table><tr><th>number</th>"
                    "<th class=\"n\">typical</th><th class=\"n\">worst</th><th>worst is</th>"
                    "<th class=\"n\">nodes</th><th>what it is</th></tr>\n");
    for (int i = 0; i < count; i++) {
        const struct metric *metric = rows[i].metric;

        page_html(page, "<tr>");
        page_element(page, "td", "mono", metric->name);
        number_cell(page, metric, rows[i].typical, "n");
        number_cell(page, metric, rows[i].worst, "n");
        page_element(page, "td", NULL, report->result->nodes.items[rows[i].worst_node].name);
        buf_printf(page->out, "<td class=\"n\">%u</td>", rows[i].nodes);
        page_element(page, "td", "dim", metric->what);
        page_html(page, "</tr>\n");
    }
    page_html(page, "</table></div>\n");
}

/* Levels as a table of nodes by the rows' metrics; NAN: not measured. NULL: no memory. */
static double *spread_levels(const struct page *page, const struct fabric_report *report,
                             const struct metric_row *rows, int count)
{
    size_t cells = report->result->nodes.count * (size_t)count;
    double *values = arena_alloc(page->arena, (cells + 1) * sizeof(*values));

    for (size_t i = 0; values && i < cells; i++)
        values[i] = NAN;
    for (uint32_t i = 0; values && i < report->findings->level_count; i++) {
        const struct node_level *level = &report->findings->levels[i];

        for (int m = 0; m < count; m++)
            if (rows[m].metric == level->metric)
                values[level->node * (size_t)count + (size_t)m] = level->value;
    }
    return values;
}

/* By node: a suspect, of any number or (and then not as one of all nodes) of numbers like `by`. */
static bool *accused_nodes(const struct page *page, const struct fabric_report *report,
                           const struct metric *by)
{
    size_t all = report->result->nodes.count;
    bool *accused = arena_alloc(page->arena, all + 1);

    for (uint32_t i = 0; accused && i < report->findings->suspect_count; i++) {
        const struct suspect *suspect = &report->findings->suspects[i];
        const struct metric *metric = suspect->metric;

        if (!fabric_shows(report, suspect) ||
            (by && (!metric || (all > 1 && suspect->node_count == all) ||
                    (metric != by && !(metric->of_pair && by->of_pair)))))
            continue;
        for (uint32_t k = 0; k < suspect->node_count; k++)
            accused[suspect->nodes[k]] = true;
    }
    return accused;
}

static bool is_slow(const struct metric_row *row, double value)
{
    double share = row->metric->lower_is_better ? row->typical / value : value / row->typical;

    return row->metric->test != TEST_CLOCK && isfinite(share) && share < HEAT_WELL;
}

struct node_row { /* of the table; what is by metric is in the order of the columns */
    uint32_t node;
    bool accused;
    const double *values;
    bool *const *accused_by; /* by node */
};

static void put_node(const struct page *page, const struct fabric_node *node,
                     const struct node_row *of, const struct metric_row *rows, int count)
{
    page_html(page, "<tr>");
    page_element(page, "td", of->accused ? "slow" : NULL, node->name);
    page_element(page, "td", NULL, node->group);
    page_element(page, "td", node->fate > NODE_WELL ? "slow" : NULL,
                 *node->words ? node->words : node_fate_names[node->fate]);
    for (int m = 0; m < count; m++) {
        bool odd = of->accused_by[m][of->node] && is_slow(&rows[m], of->values[m]);

        number_cell(page, rows[m].metric, of->values[m], odd ? "odd n" : "n");
    }
    page_html(page, "</tr>\n");
}

static int put_nodes(const struct page *page, const struct fabric_report *report,
                     const struct metric_row *rows, int count)
{
    const struct fabric_result *result = report->result;
    double *values = spread_levels(page, report, rows, count);
    bool *accused = accused_nodes(page, report, NULL);
    bool **accused_by = arena_alloc(page->arena, ((size_t)count + 1) * sizeof(*accused_by));
    size_t told = 0;

    if (!values || !accused || !accused_by)
        return -ENOMEM;
    for (int m = 0; m < count; m++) {
        accused_by[m] = accused_nodes(page, report, rows[m].metric);
        if (!accused_by[m])
            return -ENOMEM;
    }
    page_html(page, "<h2>Nodes</h2><div class=\"wide\"><table><tr><th>node</th><th>group</th>"
                    "<th>state</th>");
    for (int m = 0; m < count; m++) {
        page_html(page, "<th class=\"n\">");
        page_text(page, rows[m].metric->name);
        page_html(page, "</th>");
    }
    page_html(page, "</tr>\n");
    for (int pass = 1; pass >= 0; pass--)
        for (uint32_t n = 0; n < result->nodes.count && told < NODES_MAX; n++) {
            const struct node_row row = {n, accused[n], values + n * (size_t)count, accused_by};

            if (accused[n] != (pass == 1))
                continue;
            put_node(page, &result->nodes.items[n], &row, rows, count);
            told++;
        }
    page_html(page, "</table></div>\n");
    if (result->nodes.count > told)
        further(page, result->nodes.count - told, "node");
    return 0;
}

static void put_troubles(const struct page *page, const struct fabric_result *result)
{
    size_t count = result->troubles.count < TROUBLES_MAX ? result->troubles.count : TROUBLES_MAX;

    if (count)
        page_html(page, "<h2>What went wrong while measuring</h2><ul>");
    for (size_t i = 0; i < count; i++) {
        const struct fabric_trouble *trouble = &result->troubles.items[i];

        page_html(page, "<li><b>");
        page_text(page, result->nodes.items[trouble->node].name);
        if (trouble->peer < result->nodes.count) {
            page_html(page, " with ");
            page_text(page, result->nodes.items[trouble->peer].name);
        }
        buf_printf(page->out,
                   "</b> <span class=\"dim\">%s, %s</span>: ", trouble_names[trouble->kind],
                   test_kinds[trouble->test].name);
        page_text(page, trouble->words);
        page_html(page, "</li>\n");
    }
    if (count)
        page_html(page, "</ul>\n");
    if (result->troubles.count > count)
        further(page, result->troubles.count - count, "trouble");
}

static void put_head(const struct page *page, const struct fabric_report *report)
{
    const char *transports = fabric_transports(page->arena, report->result);

    page_element(page, "h1", NULL, fabric_headline(page->arena, report));
    page_html(page, "<p class=\"dim\">");
    page_text(page, fabric_origin(page->arena, report->result));
    if (transports && *transports) {
        page_html(page, "<br>over ");
        page_text(page, transports);
    }
    page_html(page, "<br>firstlight " FIRSTLIGHT_VERSION);
    if (report->command) {
        page_html(page, ": <code>");
        page_text(page, report->command);
        page_html(page, "</code>");
    }
    page_html(page, "</p>\n");
}

int fabric_report_html(const struct fabric_report *report, struct buf *out)
{
    struct page page = {.arena = arena_new(0), .out = out};
    struct metric_row *rows =
        page.arena ? arena_alloc(page.arena, (metric_count + 1) * sizeof(*rows)) : NULL;
    int count = rows ? fabric_metric_rows(page.arena, report, rows) : -ENOMEM, r = count;

    if (r >= 0) {
        page_begin(&page);
        put_head(&page, report);
        put_suspects(&page, report);
        r = fabric_maps(&page, report);
    }
    if (r >= 0) {
        put_changes(&page, report);
        put_metrics(&page, report, rows, count);
        r = put_nodes(&page, report, rows, count);
    }
    if (r >= 0) {
        put_troubles(&page, report->result);
        page_end(&page);
    }
    arena_free(page.arena);
    return out->failed ? -ENOMEM : r < 0 ? r : 0;
}
