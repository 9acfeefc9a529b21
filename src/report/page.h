/* report/page - writing one self-contained HTML page: no scripts, nothing that is fetched. */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "report/report.h"

struct page {
    const struct report *report; /* NULL: the page is about something else */
    struct arena *arena;
    struct buf *out;
};

/* From the doctype to the body's begin; the body's end and what follows. */
void page_begin(const struct page *page);
void page_end(const struct page *page);

/* Markup as it is. */
void page_html(const struct page *page, const char *markup);

/* Text from outside: escaped, and control characters made visible as spaces. */
void page_text(const struct page *page, const char *text);

/* <TAG CLASS>text</TAG>; `class` may be NULL. */
void page_element(const struct page *page, const char *tag, const char *class, const char *text);

/* A row of a list of definitions: <dt>label</dt><dd>text</dd>. */
void page_row(const struct page *page, const char *label, const char *class, const char *text);

#endif
