#include "report/page.h"

static const char style_text[] =
    ":root{color-scheme:light "
    "dark;--fg:#1b1f24;--dim:#667085;--bg:#fff;--card:#f6f8fa;--line:#d8dee4;"
    "--red:#b42318;--amber:#b54708;--green:#067647;--blue:#175cd3;"
    "--w9:#cfe8d5;--w8:#f6d78b;--w7:#f2b75c;--w6:#ec9340;--w5:#e3702f;--w4:#d54f27;--w3:#bf3420;"
    "--w2:#a31f1a;--w1:#841213;--w0:#5f0a0d}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--dim:#98a2b3;--bg:#0d1117;--card:#"
    "161b22;"
    "--line:#30363d;--red:#ff7b72;--amber:#f0883e;--green:#3fb950;--blue:#79c0ff;"
    "--w9:#1c3a28;--w8:#4d3b12;--w7:#6e4a12;--w6:#8f5a14;--w5:#b0641a;--w4:#cc5f22;--w3:#e0552b;"
    "--w2:#f04a35;--w1:#ff5a4d;--w0:#ff8078}}"
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
    ".src{color:var(--blue)}ul{padding-left:1.2rem}.fix{color:var(--green)}"
    "td.n,th.n{text-align:right}th.n{min-width:5rem}svg{display:block;margin:.4rem 0}"
    "svg text{font:10px ui-monospace,monospace;fill:var(--dim)}svg text.slow{fill:var(--red);"
    "font-weight:700}rect.me{fill:var(--line)}"
    ".w0{fill:var(--w0)}.w1{fill:var(--w1)}.w2{fill:var(--w2)}.w3{fill:var(--w3)}"
    ".w4{fill:var(--w4)}.w5{fill:var(--w5)}.w6{fill:var(--w6)}.w7{fill:var(--w7)}"
    ".w8{fill:var(--w8)}.w9{fill:var(--w9)}.maps{display:flex;flex-wrap:wrap;gap:1.5rem}"
    ".maps>div{max-width:100%;overflow-x:auto}";

void page_text(const struct page *page, const char *text)
{
    for (; text && *text; text++) {
        switch (*text) {
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
            buf_add(page->out, (unsigned char)*text < 0x20 ? " " : text, 1);
        }
    }
}

void page_html(const struct page *page, const char *markup)
{
    buf_puts(page->out, markup);
}

void page_element(const struct page *page, const char *tag, const char *class, const char *text)
{
    buf_printf(page->out, "<%s%s%s%s>", tag, class ? " class=\"" : "", class ? class : "",
               class ? "\"" : "");
    page_text(page, text);
    buf_printf(page->out, "</%s>", tag);
}

void page_row(const struct page *page, const char *label, const char *class, const char *text)
{
    page_element(page, "dt", NULL, label);
    page_element(page, "dd", class, text);
}

void page_begin(const struct page *page)
{
    page_html(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                    "<title>firstlight</title><style>");
    page_html(page, style_text);
    page_html(page, "</style></head><body>\n");
}

void page_end(const struct page *page)
{
    page_html(page, "</body></html>\n");
}
