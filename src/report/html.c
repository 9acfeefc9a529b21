#include "report/report.h"

#include <errno.h>
#include <stdlib.h>

/* Columns and rows of the table of nodes against differences: more would not be read. */
#define TABLE_DIFFERENCES_MAX 24
#define TABLE_NODES_MAX       2000
#define FIELDS_MAX            40

static const char style_text[] =
    ":root{color-scheme:light "
    "dark;--fg:#1b1f24;--dim:#667085;--bg:#fff;--card:#f6f8fa;--line:#d8dee4;"
    "--red:#b42318;--amber:#b54708;--green:#067647;--blue:#175cd3}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--dim:#98a2b3;--bg:#0d1117;--card:#"
    "161b22;"
    "--line:#30363d;--red:#ff7b72;--amber:#f0883e;--green:#3fb950;--blue:#79c0ff}}"
    "*{box-sizing:border-box}body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:66rem;"
    "background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:1.7rem;line-height:1.25;margin:.2rem 0}h2{font-size:1.15rem;margin:2.2rem 0 "
    ".6rem}"
    "h3{font-size:1rem;margin:0 0 .4rem}code,pre,.mono{font:13px/1.45 ui-monospace,monospace}"
    ".dim{color:var(--dim)}.card{background:var(--card);border:1px solid var(--line);"
    "border-radius:8px;padding:.9rem 1.1rem;margin:.7rem 0}"
    ".sev{display:inline-block;border-radius:4px;padding:0 .45rem;font-size:.8rem;font-weight:600;"
    "color:#fff;background:#667085;margin-right:.4rem}.fatal{background:#b42318}"
    ".bandwidth,.latency,.reliability{background:#b54708}.nodes{font-weight:600}"
    "dl{display:grid;grid-template-columns:5.5rem 1fr;gap:.25rem .8rem;margin:.5rem 0 0}"
    "dt{color:var(--dim)}dd{margin:0;min-width:0;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;font-size:13px}th,td{border:1px solid var(--line);"
    "padding:.2rem .5rem;text-align:left;vertical-align:top}"
    "th{background:var(--card);min-width:7rem;font-weight:600}td{white-space:nowrap}"
    "td.odd{background:color-mix(in srgb,var(--red) 18%,transparent);font-weight:600}"
    "td.slow{color:var(--red);font-weight:600}.wide{overflow-x:auto}"
    ".src{color:var(--blue)}ul{padding-left:1.2rem}.fix{color:var(--green)}";

struct page {
    const struct report *report;
    struct arena *arena;
    struct buf *out;
};

/* Text from outside: escaped, and control characters made visible as spaces. */
static void text(const struct page *page, const char *s)
{
    for (; s && *s; s++) {
        switch (*s) {
        case '&':
            buf_puts(page->out, "&amp;");
            break;
        case '<':
            buf_puts(page->out, "&lt;");
            break;
        case '>':
            buf_puts(page->out, "&gt;");
            break;
        case '"':
            buf_puts(page->out, "&quot;");
            break;
        default:
            buf_add(page->out, (unsigned char)*s < 0x20 ? " " : s, 1);
        }
    }
}

static void html(const struct page *page, const char *markup)
{
    buf_puts(page->out, markup);
}

/* <TAG CLASS>text</TAG> */
static void element(const struct page *page, const char *tag, const char *class, const char *s)
{
    buf_printf(page->out, "<%s%s%s%s>", tag, class ? " class=\"" : "", class ? class : "",
               class ? "\"" : "");
    text(page, s);
    buf_printf(page->out, "</%s>", tag);
}

static void row(const struct page *page, const char *label, const char *class, const char *s)
{
    element(page, "dt", NULL, label);
    element(page, "dd", class, s);
}

static const char *share(const struct page *page, const uint32_t *nodes, uint32_t count)
{
    size_t all = fleet_node_count(page->report->fleet);
    const char *names = report_nodes(page->arena, page->report->fleet, nodes, count);

    if (names && all > 1 && count != all)
        return arena_printf(page->arena, "%s (%u of %zu)", names, count, all);
    return names;
}

static void proofs(const struct page *page, const struct proof *items, uint32_t count,
                   uint32_t places)
{
    if (!count)
        return;
    html(page, "<dt>lines</dt><dd>");
    for (uint32_t i = 0; i < count; i++) {
        if (report_proof_repeats(items, i))
            continue;
        html(page, "<div class=\"mono\"><span class=\"src\">");
        text(page, items[i].source);
        buf_printf(page->out, items[i].binary ? "+0x%x" : ":%u", items[i].line);
        html(page, "</span> ");
        if (items[i].where && *items[i].where) {
            element(page, "span", "dim", items[i].where);
            html(page, " ");
        }
        text(page, items[i].text);
        html(page, "</div>");
    }
    if (places > count)
        buf_printf(page->out, "<div class=\"dim\">... and %u more places</div>", places - count);
    html(page, "</dd>");
}

static void harm_and_fix(const struct page *page, const struct rule *rule)
{
    row(page, "harm", NULL, rule->harm);
    if (rule->source && *rule->source)
        row(page, "source", "dim", rule->source);
    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++)
        row(page, i ? "" : "fix", i ? NULL : "fix",
            arena_printf(page->arena, "%s: %s", rule->fixes[i].where, rule->fixes[i].what));
    if (rule->basis == BASIS_KNOWN)
        row(page, "note", "dim",
            "unconfirmed: rests on general engineering knowledge, not on a published measurement "
            "or a "
            "real dump");
}

static void card_title(const struct page *page, const struct rule *rule, const char *title)
{
    html(page, "<section class=\"card\"><h3>");
    if (rule)
        buf_printf(page->out, "<span class=\"sev %s\">%s</span>", severity_name(rule->severity),
                   severity_name(rule->severity));
    text(page, title);
    if (rule)
        buf_printf(page->out, " <code class=\"dim\">%s</code>", rule->id);
    html(page, "</h3><dl>");
}

static void field(const struct page *page, const struct folded_field *folded)
{
    const struct diff_field *field = folded->field;

    html(page, "<tr><td class=\"mono\">");
    text(page, folded->roles);
    html(page, "</td><td class=\"mono\">");
    text(page, field->path);
    html(page, "</td><td>");
    for (uint32_t i = 1; i < field->value_count && i <= 6; i++) {
        if (i > 1)
            html(page, ", ");
        element(page, "b", NULL, field->values[i].text);
        buf_printf(page->out, " on %u", field->values[i].nodes.count);
    }
    if (field->value_count > 7)
        buf_printf(page->out, ", %u other values", field->value_count - 7);
    html(page, "</td><td>");
    text(page, field->values[0].text);
    buf_printf(page->out, " on %u</td></tr>", field->values[0].nodes.count);
}

static void difference(const struct page *page, const struct difference *difference,
                       const struct cause *cause)
{
    const struct rule *rule = difference->cause;
    uint32_t count = 0, shown;
    const struct folded_field *folded = report_fold_fields(page->arena, difference, &count);

    if (!folded)
        count = 0;
    shown = count < FIELDS_MAX ? count : FIELDS_MAX;
    card_title(page, rule,
               arena_printf(page->arena, "%u. %s", difference->rank, difference->title));
    row(page, "nodes", "nodes", share(page, difference->nodes.nodes, difference->nodes.count));
    if (cause) {
        row(page, "test", NULL,
            arena_printf(page->arena,
                         "p = %.2g corrected (%.2g before): carried by %u of %u slow and %u of %u "
                         "fast",
                         cause->p_corrected, cause->p, cause->slow_with, cause->slow_all,
                         cause->fast_with, cause->fast_all));
        if (cause->counter_examples.count)
            row(page, "but", NULL,
                arena_printf(
                    page->arena, "fast in spite of it: %s",
                    share(page, cause->counter_examples.nodes, cause->counter_examples.count)));
    }
    buf_printf(page->out, "<dt>facts</dt><dd>%u changed together%s", difference->changed_facts,
               rule && rule->bios ? "; a BIOS option does this" : "");
    html(page, "<details><summary>show</summary><div class=\"wide\"><table><tr><th>role</th>"
               "<th>fact</th><th>here</th><th>the others</th></tr>");
    for (uint32_t i = 0; i < shown; i++)
        field(page, &folded[i]);
    html(page, "</table></div>");
    if (count > shown)
        buf_printf(page->out, "<span class=\"dim\">... and %u more kinds of field</span>",
                   count - shown);
    html(page, "</details></dd>");
    proofs(page, difference->proofs, difference->proof_count, difference->proof_count);
    if (rule)
        harm_and_fix(page, rule);
    html(page, "</dl></section>\n");
}

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

    html(page, "<tr>");
    element(page, "td", slow ? "slow" : NULL,
            arena_printf(page->arena, "%s%s", fleet_node(report->fleet, n)->name,
                         slow ? " (slow)" : ""));
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];
        bool odd = carries(&d->nodes, n);
        const char *value = "";

        for (uint32_t v = 0; odd && d->field_count && v < d->fields[0].value_count; v++)
            if (carries(&d->fields[0].values[v].nodes, n))
                value = d->fields[0].values[v].text;
        element(page, "td", odd ? "odd" : NULL, odd && !*value ? "yes" : value);
    }
    html(page, "</tr>\n");
}

/* Nodes against differences: the slow ones first, then those that carry the first difference, then
 * the second ...; a node that carries none has no row. */
static void table(const struct page *page)
{
    const struct report *report = page->report;
    size_t columns = report->difference_count < TABLE_DIFFERENCES_MAX ? report->difference_count
                                                                      : TABLE_DIFFERENCES_MAX;
    size_t nodes = fleet_node_count(report->fleet), rows = 0, done = 0;
    bool *listed = arena_alloc(page->arena, nodes + 1);

    if (!columns || !listed)
        return;
    html(page, "<h2>Nodes against differences</h2><div class=\"wide\"><table><tr><th>node</th>");
    for (size_t i = 0; i < columns; i++) {
        const struct difference *d = &report->differences[i];

        html(page, "<th title=\"");
        text(page, d->title);
        buf_printf(page->out, "\">%u. ", d->rank);
        text(page, d->title);
        html(page, "</th>");
    }
    html(page, "</tr>\n");
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
    html(page, "</table></div>");
    if (done > rows)
        buf_printf(page->out, "<p class=\"dim\">%zu further nodes carry some of these.</p>",
                   done - rows);
    if (nodes > done)
        buf_printf(page->out, "<p class=\"dim\">%zu further nodes carry none of these.</p>",
                   nodes - done);
    if (report->difference_count > columns)
        buf_printf(page->out, "<p class=\"dim\">%zu further differences are not columns here.</p>",
                   report->difference_count - columns);
}

static int findings(const struct page *page)
{
    const struct grouped *groups;
    long count = report_group(page->arena, page->report->fleet, &groups);
    bool notes = false;

    if (count < 0)
        return -ENOMEM;
    if (count)
        html(page, "<h2>By the rules, also what all nodes share</h2>");
    for (long i = 0; i < count; i++) {
        const struct grouped *group = &groups[i];
        const struct difference *told;

        if (group->rule->severity == SEVERITY_INFO) {
            notes = true;
            continue;
        }
        card_title(page, group->rule, group->rule->title);
        row(page, "nodes", "nodes", share(page, group->nodes, group->node_count));
        told = report_told_by(page->report, group);
        if (group->first->detail)
            row(page, "what", NULL, group->first->detail);
        if (told) {
            row(page, "see", NULL, arena_printf(page->arena, "difference %u above", told->rank));
            html(page, "</dl></section>\n");
            continue;
        }
        proofs(page, group->first->proofs, group->first->proof_count, group->first->place_count);
        harm_and_fix(page, group->rule);
        html(page, "</dl></section>\n");
    }
    if (notes)
        html(page, "<h2>For information (no fault)</h2><ul>");
    for (long i = 0; i < count; i++)
        if (groups[i].rule->severity == SEVERITY_INFO) {
            html(page, "<li>");
            text(page, groups[i].rule->title);
            if (groups[i].first->detail) {
                html(page, ": ");
                text(page, groups[i].first->detail);
            }
            html(page, " <span class=\"dim\">");
            text(page, share(page, groups[i].nodes, groups[i].node_count));
            html(page, "</span></li>");
        }
    if (notes)
        html(page, "</ul>\n");
    return 0;
}

static int unknowns(const struct page *page)
{
    const struct grouped_unknown *groups;
    const struct fleet *fleet = page->report->fleet;
    long count = report_group_unknowns(page->arena, fleet, &groups);

    if (count < 0)
        return -ENOMEM;
    if (count)
        html(page, "<h2>Unknown: not seen, so not judged</h2><ul>");
    for (long i = 0; i < count; i++) {
        html(page, "<li>");
        text(page, groups[i].what);
        html(page, ": ");
        text(page, groups[i].why);
        html(page, " <span class=\"dim\">");
        text(page, share(page, groups[i].nodes, groups[i].node_count));
        html(page, "</span></li>");
    }
    if (count)
        html(page, "</ul>\n");
    for (size_t i = 0; i < fleet_node_count(fleet); i++)
        if (fleet_node(fleet, i)->error)
            element(page, "p", "dim", fleet_node(fleet, i)->error);
    for (size_t i = 0; i < page->report->trouble_count; i++)
        element(page, "p", "dim",
                arena_printf(page->arena, "%s: %s", page->report->troubles[i].path,
                             page->report->troubles[i].text));
    return 0;
}

static const char *headline(const struct page *page)
{
    const struct report *report = page->report;
    const struct explanation *explanation = report->explanation;
    const struct difference *best;

    if (!explanation)
        return arena_printf(page->arena,
                            report->kind == REPORT_INSPECT ? "%zu node%s judged by the rules"
                                                           : "%zu node%s compared",
                            fleet_node_count(report->fleet),
                            fleet_node_count(report->fleet) == 1 ? "" : "s");
    if (!explanation->explaining)
        return "Nothing visible explains it";
    best = &report->differences[explanation->causes[0].difference];
    return arena_printf(
        page->arena, "%s: on %s", report_sentence(page->arena, best->title),
        report_nodes(page->arena, report->fleet, best->nodes.nodes, best->nodes.count));
}

static void causes(const struct page *page)
{
    const struct explanation *explanation = page->report->explanation;

    html(page, explanation->explaining ? "<h2>What explains it</h2>"
                                       : "<h2>The closest, none of them beyond chance</h2>");
    for (uint32_t i = 0; i < explanation->cause_count; i++) {
        if (i >= (explanation->explaining ? explanation->explaining : 3))
            break;
        difference(page, &page->report->differences[explanation->causes[i].difference],
                   &explanation->causes[i]);
    }
    if (explanation->confounder_count)
        html(page, "<h2>Confounders: these fit as well and may be the real cause</h2>");
    for (uint32_t i = 0; i < explanation->confounder_count; i++)
        difference(page, &page->report->differences[explanation->confounders[i].difference],
                   &explanation->confounders[i]);
}

int report_html(const struct report *report, struct buf *out)
{
    struct page page = {.report = report, .arena = arena_new((size_t)1 << 30), .out = out};
    int r = 0;

    if (!page.arena)
        return -ENOMEM;
    html(&page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                "<title>firstlight</title><style>");
    html(&page, style_text);
    html(&page, "</style></head><body>\n");
    element(&page, "h1", NULL, headline(&page));
    buf_printf(out, "<p class=\"dim\">%zu nodes, policy %s, firstlight %s",
               fleet_node_count(report->fleet), policy_name(report->policy), FIRSTLIGHT_VERSION);
    if (report->command) {
        html(&page, "<br><code>");
        text(&page, report->command);
        html(&page, "</code>");
    }
    if (report->explanation && report->explanation->note) {
        html(&page, "<br>");
        text(&page, report->explanation->note);
    }
    html(&page, "</p>\n");
    if (report->explanation)
        causes(&page);
    if (report->kind != REPORT_INSPECT) {
        table(&page);
        buf_printf(out, "<h2>%s (%zu)</h2>",
                   report->difference_count ? "All differences between nodes that should be alike"
                                            : "No differences between nodes that should be alike",
                   report->difference_count);
        for (size_t i = 0; i < report->difference_count; i++)
            difference(&page, &report->differences[i], NULL);
    }
    r = findings(&page);
    if (r == 0)
        r = unknowns(&page);
    html(&page, "</body></html>\n");
    arena_free(page.arena);
    return out->failed ? -ENOMEM : r;
}
