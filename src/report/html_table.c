#include "report/html.h"

/* Columns and rows of the table of nodes against differences: more would not be read. */
#define TABLE_DIFFERENCES_MAX 24
#define TABLE_NODES_MAX       2000

static bool carries(const struct node_set *set, uint32_t node)
{
    uint32_t low = 0, high = set->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->nodes[low] == node;
}

static void table_row(const struct page *page, uint32_t n, size_t columns, bool slow)
{
    const struct report *report = page->report;

    page_html(page, "<tr>");
    page_element(page, "td", slow ? "slow" : NULL,
                 arena_printf(page->arena, "%s%s", fleet_node(report->fleet, n)->name,
                              slow ? " (slow)" : ""));
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];
        bool odd = carries(&d->nodes, n);
        const char *value = "";

        for (uint32_t v = 0; odd && d->field_count && v < d->fields[0].value_count; v++)
            if (carries(&d->fields[0].values[v].nodes, n))
                value = d->fields[0].values[v].text;
        page_element(page, "td", odd ? "odd" : NULL, odd && !*value ? "yes" : value);
    }
    page_html(page, "</tr>\n");
}

/* Nodes against differences: the slow ones first, then those that carry the first difference, then
 * the second ...; a node that carries none has no row. */
void html_table(const struct page *page)
{
    const struct report *report = page->report;
    size_t columns = report->difference_count < TABLE_DIFFERENCES_MAX ? report->difference_count
                                                                      : TABLE_DIFFERENCES_MAX;
    size_t nodes = fleet_node_count(report->fleet), rows = 0, done = 0;
    bool *listed = arena_alloc(page->arena, nodes + 1);

    if (!columns || !listed)
        return;
    page_html(page,
              "<h2>Nodes against differences</h2><div class=\"wide\"><table><tr><th>node</th>");
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];

        page_html(page, "<th title=\"");
        page_text(page, d->title);
        buf_printf(page->out, "\">%u. ", d->rank);
        page_text(page, d->title);
        page_html(page, "</th>");
    }
    page_html(page, "</tr>\n");
    for (size_t pass = 0; pass <= columns; pass++)
        for (uint32_t n = 0; n < nodes; n++) {
            bool slow = report->explanation && carries(&report->explanation->slow, n);

            if (listed[n] || !(pass ? carries(&report->differences[pass - 1].nodes, n) : slow))
                continue;
            listed[n] = true;
            done++;
            if (rows < TABLE_NODES_MAX) {
                table_row(page, n, columns, slow);
                rows++;
            }
        }
    page_html(page, "</table></div>");
    if (done > rows)
        buf_printf(page->out, "<p class=\"dim\">%zu more with some of these.</p>", done - rows);
    if (nodes > done)
        buf_printf(page->out, "<p class=\"dim\">%zu more with none of these.</p>", nodes - done);
    if (report->difference_count > columns)
        buf_printf(page->out, "<p class=\"dim\">%zu further differences are not columns here.</p>",
                   report->difference_count - columns);
}
